/* Records: the table, the validator, the JSON Schema, a tool's own stream. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

/* The design's example, names and order. */
static const char example[] =
    "{\"hal9\":1,\"kind\":\"verdict\",\"time\":\"2026-11-23T03:04:05.678Z\",\"host\":\"web-1\","
    "\"machine\":\"b1c5\",\"tool\":\"hal9-health\",\"stage\":1,\"run\":\"01JD8Z\",\"service\":"
    "\"hal9-server\",\"state\":\"failing\",\"cause\":\"port_conflict\",\"reason\":\"port 8080 "
    "answers 200\",\"score\":0.25,\"evidence\":{\"pid\":4711}}";

static cJSON *parse(const char *text) {
    cJSON *j = NULL;
    assert_ok(hal9_json_parse(text, strlen(text), &j, NULL));
    return j;
}

static void table_is_whole(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "begin",    "end",       "check",        "verdict", "holder", "step",     "operation",
        "snapshot", "rehearsal", "flag",         "backend", "sample", "forecast", "decision",
        "plan",     "object",    "notification", "pruned",  "hold",   "problem"};
    size_t n, n_common;
    const struct hal9_record_kind *kinds = hal9_record_kinds(&n);
    const struct hal9_record_field *common = hal9_record_common(&n_common);
    assert_int_equal(n, HAL9_ARRAY_LEN(wanted));
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(kinds[i].kind, wanted[i]);
        assert_non_null(kinds[i].doc);
        for (const struct hal9_record_field *f = kinds[i].fields; f->name; f++) {
            assert_non_null(f->doc);
            for (size_t c = 0; c < n_common; c++)
                assert_string_not_equal(f->name, common[c].name);
            for (const struct hal9_record_field *g = f + 1; g->name; g++)
                assert_string_not_equal(f->name, g->name);
        }
    }
}

/* Replaces one piece of the example. */
static cJSON *changed(const char *what, const char *by) {
    _cleanup_buf_ struct hal9_buf text = {0};
    const char *at = strstr(example, what);
    assert_non_null(at);
    hal9_buf_add(&text, example, (size_t)(at - example));
    hal9_buf_puts(&text, by);
    hal9_buf_puts(&text, at + strlen(what));
    return parse(text.data);
}

static void validator(void **state) {
    (void)state;
    static const struct {
        const char *what, *by, *says;
    } cases[] = {
        {"\"hal9\":1", "\"hal9\":1", NULL},
        {"\"state\":\"failing\",", "", "verdict record without 'state'"},
        {"\"failing\"", "\"sad\"", "'state' of a verdict record is \"sad\""},
        {"\"failing\"", "\"fail\"", "'state' of a verdict record"},
        {"0.25", "\"0.25\"", "is no number"},
        {"{\"pid\":4711}", "[]", "is no object"},
        {"\"2026-11-23T03:04:05.678Z\"", "\"yesterday\"", "is no time"},
        {"\"stage\":1", "\"stage\":1.5", "is no integer"},
        {"\"hal9\":1", "\"hal9\":2", "format 2; this build knows 1"},
        {"\"host\":\"web-1\",", "", "without 'host'"},
        {"\"kind\":\"verdict\",", "", "without 'kind'"},
        {"\"kind\":\"verdict\"", "\"kind\":\"later\"", NULL},
        {"\"score\"", "\"other\":null,\"score\"", NULL},
        {"\"score\"", "\"blocked_by\":[\"a\",1],\"score\"", "is no list of strings"},
        {"\"score\"", "\"blocked_by\":[\"a\",\"b\"],\"score\"", NULL},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *r = changed(cases[i].what, cases[i].by);
        hal9_status want = cases[i].says ? HAL9_E_PROTOCOL : HAL9_OK;
        assert_int_equal(hal9_record_check(r, &err), want);
        if (cases[i].says)
            assert_says(err, cases[i].says);
    }
}

static void schema(void **state) {
    (void)state;
    _cleanup_json_ cJSON *s = hal9_record_schema();
    const cJSON *common = hal9_json_pointer(s, "/required");
    assert_int_equal(cJSON_GetArraySize(common), 8);
    assert_string_equal(hal9_json_pointer(s, "/properties/time/format")->valuestring, "date-time");
    const cJSON *rule = hal9_json_pointer(s, "/allOf/3");
    assert_string_equal(hal9_json_pointer(rule, "/if/properties/kind/const")->valuestring,
                        "verdict");
    const cJSON *states = hal9_json_pointer(rule, "/then/properties/state/enum");
    assert_int_equal(cJSON_GetArraySize(states), 5);
    assert_string_equal(cJSON_GetArrayItem(states, 4)->valuestring, "held");
    assert_string_equal(
        hal9_json_pointer(rule, "/then/properties/blocked_by/items/type")->valuestring, "string");
    assert_string_equal(hal9_json_pointer(s, "/allOf/2/then/properties/ms/x-unit")->valuestring,
                        "ms");
}

struct pipe_stream {
    struct hal9_stream *s;
    int fd;
};
static struct pipe_stream open_stream(void) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct hal9_stream_opts o = {
        .tool = "hal9-test", .host = "web-1", .machine = "b1c5", .fd = fds[1]};
    return (struct pipe_stream){.s = hal9_stream_new(&o), .fd = fds[0]};
}

static void own_records(void **state) {
    (void)state;
    setenv("HAL9OPS_NOW", "2026-11-23T03:04:05.678Z", 1);
    struct pipe_stream p = open_stream();
    cJSON *planned = parse("{\"planned\":2,\"services\":[\"a\",\"b\"]}");
    char text[4096], want[4096];
    hal9_stream_begin(p.s, planned);
    hal9_stream_begin(p.s, parse("{\"planned\":3}"));
    _cleanup_error_ struct hal9_error err = {0};
    hal9_error_set(&err, HAL9_E_CONFIG, "'grce' is not a key");
    hal9_error_place(&err, "hal9.yaml", 7, 12);
    hal9_error_hint(&err, "fix it");
    hal9_stream_problem(p.s, &err);
    struct hal9_stage_result r = {
        .planned = 2, .ran = 2, .passed = 1, .failed = 1, .exit = 1, .round = 4};
    hal9_stream_end(p.s, &r);
    ssize_t n = read(p.fd, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    static const char head[] = "{\"hal9\":1,\"kind\":\"%s\",\"time\":\"2026-11-23T03:04:05.678Z\","
                               "\"host\":\"web-1\",\"machine\":\"b1c5\",\"tool\":\"hal9-test\","
                               "\"stage\":1,\"run\":\"%s\",%s}\n";
    static const char *const members[] = {
        "\"planned\":2,\"services\":[\"a\",\"b\"]",
        "\"message\":\"'grce' is not a key\",\"code\":\"config\",\"file\":\"hal9.yaml\",\"line\":7,"
        "\"col\":12,\"hint\":\"fix it\"",
        "\"planned\":2,\"ran\":2,\"passed\":1,\"failed\":1,\"unknown\":0,\"skipped\":0,\"exit\":1,"
        "\"resumable\":false,\"round\":4"};
    static const char *const kinds[] = {"begin", "problem", "end"};
    int len = 0;
    for (int i = 0; i < 3; i++)
        len += snprintf(want + len, sizeof(want) - (size_t)len, head, kinds[i],
                        hal9_stream_run(p.s), members[i]);
    assert_string_equal(text, want);
    char *save, *line = strtok_r(text, "\n", &save);
    for (; line; line = strtok_r(NULL, "\n", &save)) {
        _cleanup_json_ cJSON *j = parse(line);
        assert_ok(hal9_record_check(j, NULL));
    }
    hal9_stream_free(p.s);
    close(p.fd);
    unsetenv("HAL9OPS_NOW");
}

static void first_stage(void **state) {
    (void)state;
    struct pipe_stream a = open_stream(), b = open_stream();
    assert_int_equal(hal9_stream_stage(a.s), 1);
    assert_true(hal9_id_valid(hal9_stream_run(a.s)));
    assert_string_not_equal(hal9_stream_run(a.s), hal9_stream_run(b.s));
    hal9_stream_free(a.s);
    hal9_stream_free(b.s);
    close(a.fd);
    close(b.fd);
}

struct seen {
    int n;
    char kind[32];
    bool own;
};
static void count(void *data, const cJSON *record, const char *line, size_t len, bool own) {
    struct seen *seen = data;
    seen->n++;
    snprintf(seen->kind, sizeof(seen->kind), "%s", hal9_json_str(record, "kind"));
    seen->own = own;
    assert_int_equal(line[len - 1], '}');
}

static void words_instead(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = 1, .sink = count, .sink_data = &seen};
    struct hal9_stream *s = hal9_stream_new(&o);
    hal9_stream_emit(s, hal9_record_new(s, "holder"));
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.kind, "holder");
    assert_true(seen.own);
    hal9_stream_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole), cmocka_unit_test(validator),
        cmocka_unit_test(schema),         cmocka_unit_test(own_records),
        cmocka_unit_test(first_stage),    cmocka_unit_test(words_instead),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
