/* Schema tables: every type decoded, every error's words and place, defaults, JSON Schema. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

HAL9_DEFINE_CLEANUP(struct hal9_doc *, hal9_doc_free);
#define _cleanup_doc_ _cleanup_(hal9_doc_freep)
#define _cleanup_errors_ _cleanup_(hal9_errors_clear)

/* ---- a schema with all types */

struct stop {
    char *signal;
    int64_t grace_ms;
    bool kill;
};
static const struct hal9_field stop_fields[] = {
    {.key = "signal",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct stop, signal),
     .flags = HAL9_F_SCALAR,
     .dflt = "TERM",
     .doc = "first signal"},
    {.key = "grace",
     .type = HAL9_T_DURATION,
     .offset = offsetof(struct stop, grace_ms),
     .dflt = "30s",
     .doc = "time to end"},
    {.key = "kill", .type = HAL9_T_BOOL, .offset = offsetof(struct stop, kill), .dflt = "true"},
    {0},
};
static const struct hal9_schema stop_schema = {
    .name = "stop", .size = sizeof(struct stop), .fields = stop_fields};

struct drain {
    char *balancer;
    int64_t min_up;
};
static const struct hal9_field drain_fields[] = {
    {.key = "balancer",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct drain, balancer),
     .flags = HAL9_F_REQUIRED,
     .doc = "which one"},
    {.key = "min_up",
     .type = HAL9_T_INT,
     .offset = offsetof(struct drain, min_up),
     .dflt = "1",
     .min = 0,
     .max = 100},
    {0},
};
static const struct hal9_schema drain_schema = {
    .name = "drain", .size = sizeof(struct drain), .fields = drain_fields};

struct run {
    struct hal9_strv exec;
    char *user;
};
static const struct hal9_field run_fields[] = {
    {.key = "exec",
     .type = HAL9_T_STRV,
     .offset = offsetof(struct run, exec),
     .flags = HAL9_F_SCALAR},
    {.key = "user", .type = HAL9_T_STRING, .offset = offsetof(struct run, user)},
    {0},
};
static const struct hal9_schema run_schema = {
    .name = "run", .size = sizeof(struct run), .fields = run_fields};

struct service {
    char *name;
    char *text;
    bool flag;
    int64_t keep, any;
    double weight, ratio;
    int64_t within_ms;
    uint64_t free;
    double share, cpu;
    uint16_t port;
    char *revert;
    struct hal9_strv depends;
    char *token;
    struct stop stop;
    struct drain *drain;
    struct hal9_list runs;
    cJSON *labels;
    int custom;
    int finished;
};
#define AT(m) offsetof(struct service, m)

static void decode_custom(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, void *field) {
    assert_string_equal(f->key, "custom");
    if (n->kind == HAL9_NODE_INT)
        *(int *)field = atoi(n->text);
    else {
        hal9_decoder_error(d, n, "custom wants a number");
        hal9_decoder_hint(d, "such as %d", 7);
    }
}
static void finish_service(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct service *s = object;
    s->finished++;
    if (s->keep == 13)
        hal9_decoder_error(d, hal9_node_get(n, "keep"), "13 is never kept");
}
static const char *const reverts[] = {"changed", "always", "never", NULL};
static const struct hal9_field service_fields[] = {
    {.key = "name", .type = HAL9_T_STRING, .offset = AT(name), .flags = HAL9_F_KEY},
    {.key = "text", .type = HAL9_T_STRING, .offset = AT(text)},
    {.key = "flag", .type = HAL9_T_BOOL, .offset = AT(flag)},
    {.key = "keep", .type = HAL9_T_INT, .offset = AT(keep), .dflt = "5", .min = 1, .max = 1000},
    {.key = "any", .type = HAL9_T_INT, .offset = AT(any)},
    {.key = "weight", .type = HAL9_T_NUMBER, .offset = AT(weight), .dflt = "1"},
    {.key = "ratio", .type = HAL9_T_NUMBER, .offset = AT(ratio), .min = 0, .max = 1},
    {.key = "within", .type = HAL9_T_DURATION, .offset = AT(within_ms)},
    {.key = "free", .type = HAL9_T_SIZE, .offset = AT(free)},
    {.key = "share", .type = HAL9_T_PERCENT, .offset = AT(share)},
    {.key = "cpu", .type = HAL9_T_CPU, .offset = AT(cpu)},
    {.key = "port", .type = HAL9_T_PORT, .offset = AT(port)},
    {.key = "revert",
     .type = HAL9_T_CHOICE,
     .offset = AT(revert),
     .dflt = "changed",
     .choices = reverts},
    {.key = "depends", .type = HAL9_T_STRV, .offset = AT(depends)},
    {.key = "token", .type = HAL9_T_SECRET, .offset = AT(token)},
    {.key = "stop", .type = HAL9_T_MAP, .offset = AT(stop), .sub = &stop_schema},
    {.key = "drain", .type = HAL9_T_PTR, .offset = AT(drain), .sub = &drain_schema},
    {.key = "runs", .type = HAL9_T_LIST, .offset = AT(runs), .sub = &run_schema},
    {.key = "labels", .type = HAL9_T_JSON, .offset = AT(labels)},
    {.key = "custom",
     .type = HAL9_T_CUSTOM,
     .offset = AT(custom),
     .decode = decode_custom,
     .form = "{\"type\":\"integer\"}"},
    {.key = "old", .type = HAL9_T_STRING, .offset = AT(text), .flags = HAL9_F_HIDDEN},
    {0},
};
static const struct hal9_schema service_schema = {.name = "a service",
                                                  .size = sizeof(struct service),
                                                  .fields = service_fields,
                                                  .finish = finish_service,
                                                  .doc = "a service"};

struct root {
    int64_t version;
    struct hal9_list services;
};
static const struct hal9_field root_fields[] = {
    {.key = "hal9",
     .type = HAL9_T_INT,
     .offset = offsetof(struct root, version),
     .flags = HAL9_F_REQUIRED,
     .doc = "version of this format: 1"},
    {.key = "services",
     .type = HAL9_T_DICT,
     .offset = offsetof(struct root, services),
     .sub = &service_schema},
    {0},
};
static const struct hal9_schema root_schema = {
    .name = "hal9.yaml", .size = sizeof(struct root), .fields = root_fields};

static void root_clear(struct root *r) {
    hal9_schema_clear(&root_schema, r);
}
#define _cleanup_root_ _cleanup_(root_clear)

static hal9_status decode(const char *yaml, struct root *ret, struct hal9_errors *errors) {
    struct hal9_doc *d = NULL;
    assert_ok(hal9_yaml_parse("hal9.yaml", yaml, strlen(yaml), &d, NULL));
    hal9_status code = hal9_schema_decode(&root_schema, hal9_doc_root(d), ret, errors);
    hal9_doc_free(d); /* what was decoded stands on its own */
    return code;
}

static void every_type(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_ok(decode("hal9: 1\n"
                     "services:\n"
                     "  web:\n"
                     "    text: 012\n"
                     "    flag: true\n"
                     "    keep: 0x10\n"
                     "    any: -9223372036854775808\n"
                     "    weight: 2.5\n"
                     "    ratio: .5\n"
                     "    within: 1h30m\n"
                     "    free: 5Gi\n"
                     "    share: 10%\n"
                     "    cpu: 500m\n"
                     "    port: \"8080\"\n"
                     "    revert: never\n"
                     "    depends: [db, 8080, true, 1.50]\n"
                     "    token: env:TOKEN\n"
                     "    stop: {signal: INT, kill: false}\n"
                     "    drain: {balancer: edge}\n"
                     "    runs: [{exec: [a, b], user: u}, c, [d, 1]]\n"
                     "    labels: {a: [1, null]}\n"
                     "    custom: 7\n"
                     "  db: {depends: web, runs: {exec: x}, within: 0}\n"
                     "  cache:\n",
                     &r, &errors));
    assert_int_equal(errors.n, 0);
    assert_int_equal(r.version, 1);
    assert_int_equal(r.services.n, 3);
    const struct service *s = r.services.v[0];
    assert_string_equal(s->name, "web");
    assert_string_equal(s->text, "012");
    assert_true(s->flag);
    assert_int_equal(s->keep, 16);
    assert_true(s->any == INT64_MIN);
    assert_true(s->weight == 2.5 && s->ratio == 0.5 && s->share == 0.1 && s->cpu == 0.5);
    assert_int_equal(s->within_ms, 5400000);
    assert_true(s->free == 5368709120);
    assert_int_equal(s->port, 8080);
    assert_string_equal(s->revert, "never");
    _cleanup_free_ char *depends = hal9_strv_join(&s->depends, "|");
    assert_string_equal(depends, "db|8080|true|1.50");
    assert_string_equal(s->token, "env:TOKEN");
    assert_string_equal(s->stop.signal, "INT");
    assert_int_equal(s->stop.grace_ms, 30000);
    assert_false(s->stop.kill);
    assert_string_equal(s->drain->balancer, "edge");
    assert_int_equal(s->drain->min_up, 1);
    assert_int_equal(s->runs.n, 3);
    assert_string_equal(((struct run *)s->runs.v[0])->exec.v[1], "b");
    assert_string_equal(((struct run *)s->runs.v[1])->exec.v[0], "c");
    assert_string_equal(((struct run *)s->runs.v[2])->exec.v[1], "1");
    _cleanup_free_ char *labels = hal9_json_text(s->labels);
    assert_string_equal(labels, "{\"a\":[1,null]}");
    assert_int_equal(s->custom, 7);
    assert_int_equal(s->finished, 1);
    s = r.services.v[1];
    assert_string_equal(s->depends.v[0], "web");
    assert_int_equal(s->runs.n, 1);
    /* Defaults, those of a map that is not there included. */
    s = r.services.v[2];
    assert_string_equal(s->name, "cache");
    assert_int_equal(s->keep, 5);
    assert_true(s->weight == 1);
    assert_string_equal(s->revert, "changed");
    assert_string_equal(s->stop.signal, "TERM");
    assert_int_equal(s->stop.grace_ms, 30000);
    assert_true(s->stop.kill);
    assert_null(s->drain);
    assert_null(s->labels);
}

static void one_error_each(void **state) {
    (void)state;
    static const struct {
        const char *line, *says, *hint;
        unsigned col;
    } cases[] = {
        {"stop: {grce: 1s}", "'grce' is not a key of stop; did you mean 'grace'?", NULL, 8},
        {"prot: 1", "'prot' is not a key of a service; did you mean 'port'?", NULL, 1},
        {"xyzzy: 1", "'xyzzy' is not a key of a service", "its keys are text, flag, keep", 1},
        {"name: x", "'name' is not a key of a service", NULL, 1},
        {"stop: {grace: soon}", "grace wants a duration such as 30s, not 'soon'", NULL, 15},
        {"stop: {grace: 30}", "grace wants a duration such as 30s, not '30'", "such as 30s", 15},
        {"stop: {grace: }", "grace wants a duration such as 30s, not nothing", NULL, 15},
        {"stop: [TERM]", "stop wants a map of its keys, not a list", "signal, grace, kill", 7},
        {"text: [a]", "text wants a text, not a list", NULL, 7},
        {"text:", "text wants a text, not nothing", NULL, 6},
        {"flag: yes", "flag wants true or false, not 'yes'", "a mere word since YAML 1.2", 7},
        {"flag: \"true\"", "flag wants true or false, not 'true'", "without quotes", 7},
        {"flag: 1", "flag wants true or false, not '1'", NULL, 7},
        {"keep: 0", "keep wants a whole number from 1 to 1000, not '0'", NULL, 7},
        {"keep: many", "keep wants a whole number from 1 to 1000, not 'many'", NULL, 7},
        {"keep: 1.5", "keep wants a whole number from 1 to 1000, not '1.5'", NULL, 7},
        {"keep: 13", "13 is never kept", NULL, 7},
        {"any: 9223372036854775808", "any wants a whole number, not '9223372036854775808'", NULL,
         6},
        {"weight: heavy", "weight wants a number such as 1.5, not 'heavy'", NULL, 9},
        {"weight: .inf", "weight wants a number such as 1.5, not '.inf'", NULL, 9},
        {"ratio: 1.1", "ratio wants a number from 0 to 1, not '1.1'", NULL, 8},
        {"free: 5Q", "free wants a size such as 5Gi, not '5Q'", NULL, 7},
        {"share: 10", "share wants a percentage such as 10%, not '10'", NULL, 8},
        {"cpu: 1x", "cpu wants an amount of CPU such as 2 or 500m, not '1x'", NULL, 6},
        {"port: 0", "port wants a port from 1 to 65535, not '0'", NULL, 7},
        {"port: 65536", "port wants a port from 1 to 65535, not '65536'", NULL, 7},
        {"port: http", "port wants a port from 1 to 65535, not 'http'", NULL, 7},
        {"revert: nevr", "revert wants changed, always or never, not 'nevr'",
         "did you mean 'never'?", 9},
        {"revert: {}", "revert wants changed, always or never, not a map", NULL, 9},
        {"depends: {a: b}", "depends wants a list of texts, or one text, not a map", NULL, 10},
        {"depends: [a, [b]]", "depends wants texts in its list, not a list", NULL, 14},
        {"depends: [a, ~]", "depends wants texts in its list, not nothing", NULL, 14},
        {"token: hunter2",
         "token wants a reference, file:PATH or env:NAME; a secret in the file would be read by "
         "others",
         NULL, 8},
        {"token: 'file:'",
         "token wants a reference, file:PATH or env:NAME; a secret in the file would be read by "
         "others",
         NULL, 8},
        {"drain: {}", "drain wants the key 'balancer'", "balancer: which one", 8},
        {"drain: {balancer: }", "drain wants the key 'balancer'", NULL, 19},
        {"drain: {balancer: a, min_up: 101}",
         "min_up wants a whole number from 0 to 100, not '101'", NULL, 30},
        {"drain: edge", "drain wants a map of its keys, not 'edge'", "balancer, min_up", 8},
        {"runs: [{exec: a, usr: b}]", "'usr' is not a key of run; did you mean 'user'?", NULL, 18},
        {"custom: x", "custom wants a number", "such as 7", 9},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_root_ struct root r = {0};
        _cleanup_errors_ struct hal9_errors errors = {0};
        _cleanup_free_ char *yaml =
            hal9_strf("hal9: 1\nservices:\n  web:\n    %s\n", cases[i].line);
        print_message("# %s\n", cases[i].line);
        assert_int_equal(decode(yaml, &r, &errors), HAL9_E_CONFIG);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.v[0].message, cases[i].says);
        assert_string_equal(errors.v[0].file, "hal9.yaml");
        assert_int_equal(errors.v[0].line, 4);
        assert_int_equal(errors.v[0].col, cases[i].col + 4);
        if (cases[i].hint)
            assert_non_null(strstr(errors.v[0].hint, cases[i].hint));
        _cleanup_free_ char *text = hal9_error_text(&errors.v[0]);
        assert_null(strstr(text, "hunter2"));
    }
}

static void all_in_one_go(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_int_equal(decode("services:\n"
                            "  a:\n"
                            "    keep: 13\n"
                            "    stop: {grce: 1s, kill: maybe}\n"
                            "  b:\n"
                            "    port: x\n"
                            "    keep: 13\n"
                            "servces: 1\n",
                            &r, &errors),
                     HAL9_E_CONFIG);
    static const char *const want[] = {
        "hal9.yaml:1:1: hal9.yaml wants the key 'hal9'; hal9: version of this format: 1",
        "hal9.yaml:3:11: 13 is never kept",
        "hal9.yaml:4:12: 'grce' is not a key of stop; did you mean 'grace'?",
        "hal9.yaml:4:28: kill wants true or false, not 'maybe'",
        /* b's own keys are wrong: what its whole would say is left out */
        "hal9.yaml:6:11: port wants a port from 1 to 65535, not 'x'",
        "hal9.yaml:8:1: 'servces' is not a key of hal9.yaml; did you mean 'services'?",
    };
    assert_int_equal(errors.n, HAL9_ARRAY_LEN(want));
    for (size_t i = 0; i < HAL9_ARRAY_LEN(want); i++) {
        _cleanup_free_ char *text = hal9_error_text(&errors.v[i]);
        assert_string_equal(text, want[i]);
    }
}

static void other_roots(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *says;
    } cases[] = {{"", "hal9.yaml wants the key 'hal9'"},
                 {"[1]", "hal9.yaml wants a map of its keys, not a list"},
                 {"x", "hal9.yaml wants a map of its keys, not 'x'"},
                 {"hal9: 1\nservices: [a]\n", "services wants a map of names, not a list"},
                 {"hal9: 1\nservices: {'': {}}\n", "services has an entry without a name"},
                 {"hal9: 1\nservices: {a: 7}\n", "a service wants a map of its keys, not '7'"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_root_ struct root r = {0};
        _cleanup_errors_ struct hal9_errors errors = {0};
        assert_int_equal(decode(cases[i].yaml, &r, &errors), HAL9_E_CONFIG);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.v[0].message, cases[i].says);
    }
}

static void at_most_a_hundred(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf yaml = {0};
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    hal9_buf_puts(&yaml, "hal9: 1\nservices:\n");
    for (int i = 0; i < 300; i++)
        hal9_buf_printf(&yaml, "  s%d: {prt%d: 1, flag: yes}\n", i, i);
    assert_int_equal(decode(yaml.data, &r, &errors), HAL9_E_CONFIG);
    assert_int_equal(errors.n, 100);
    assert_int_equal(errors.v[0].line, 3);
}

static void hidden_keys_work(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_ok(decode("hal9: 1\nservices: {a: {old: x}}\n", &r, &errors));
    assert_string_equal(((struct service *)r.services.v[0])->text, "x");
}

/* ---- a schema that decodes itself, by the key that is there */

struct kind {
    char *name;
    struct stop *stop;
    int cleared;
};
static int kinds_cleared;
static void decode_kind(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct kind *k = object;
    const struct hal9_node *stop = hal9_node_get(n, "stop");
    if (!stop) {
        static const char *const known[] = {"stop"};
        hal9_decoder_unknown(d, n->keys[0], "a kind", known, 1);
        return;
    }
    k->stop = hal9_alloc(sizeof(*k->stop));
    hal9_decoder_map(d, &stop_schema, stop, k->stop);
}
static void clear_kind(void *object) {
    struct kind *k = object;
    if (k->stop)
        hal9_schema_clear(&stop_schema, k->stop);
    free(k->stop);
    kinds_cleared++;
}
static cJSON *json_kind(void) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddStringToObject(j, "x", "y");
    return j;
}
static const struct hal9_field kind_fields[] = {{.key = "name",
                                                 .type = HAL9_T_STRING,
                                                 .offset = offsetof(struct kind, name),
                                                 .flags = HAL9_F_KEY},
                                                {0}};
static const struct hal9_schema kind_schema = {.name = "a kind",
                                               .size = sizeof(struct kind),
                                               .fields = kind_fields,
                                               .decode = decode_kind,
                                               .clear = clear_kind,
                                               .json = json_kind};
static const struct hal9_field kinds_fields[] = {
    {.key = "kinds", .type = HAL9_T_DICT, .offset = 0, .sub = &kind_schema}, {0}};
static const struct hal9_schema kinds_schema = {
    .name = "kinds", .size = sizeof(struct hal9_list), .fields = kinds_fields};

static void own_decoders(void **state) {
    (void)state;
    struct hal9_list kinds = {0};
    struct hal9_doc *d = NULL;
    _cleanup_errors_ struct hal9_errors errors = {0};
    static const char yaml[] = "kinds:\n  a: {stop: INT}\n  b: {stp: INT}\n";
    assert_ok(hal9_yaml_parse("k.yaml", yaml, strlen(yaml), &d, NULL));
    assert_int_equal(hal9_schema_decode(&kinds_schema, hal9_doc_root(d), &kinds, &errors),
                     HAL9_E_CONFIG);
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.v[0].message, "'stp' is not a key of a kind; did you mean 'stop'?");
    const struct kind *a = kinds.v[0];
    assert_string_equal(a->name, "a");
    assert_string_equal(a->stop->signal, "INT");
    assert_int_equal(a->stop->grace_ms, 30000);
    hal9_schema_clear(&kinds_schema, &kinds);
    assert_int_equal(kinds_cleared, 2);
    assert_int_equal(kinds.n, 0);
    hal9_doc_free(d);
}

/* ---- JSON Schema */

static const char *at(const cJSON *j, const char *pointer) {
    static char *last;
    const cJSON *found = hal9_json_pointer(j, pointer);
    free(last);
    last = found ? hal9_json_text(found) : NULL;
    return last ? last : "missing";
}

static void json_schema(void **state) {
    (void)state;
    _cleanup_json_ cJSON *j = hal9_schema_json(&root_schema);
    assert_string_equal(at(j, "/$schema"), "\"https://json-schema.org/draft/2020-12/schema\"");
    assert_string_equal(at(j, "/type"), "\"object\"");
    assert_string_equal(at(j, "/required"), "[\"hal9\"]");
    assert_string_equal(at(j, "/additionalProperties"), "false");
    assert_string_equal(at(j, "/properties/hal9"),
                        "{\"type\":\"integer\",\"description\":\"version of this format: 1\"}");
    const cJSON *s = hal9_json_pointer(j, "/properties/services/additionalProperties");
    assert_string_equal(at(s, "/properties/name"), "missing");
    assert_string_equal(at(s, "/properties/old"), "missing");
    assert_string_equal(at(s, "/required"), "missing");
    assert_string_equal(at(s, "/properties/flag"), "{\"type\":\"boolean\"}");
    assert_string_equal(at(s, "/properties/keep"),
                        "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":5}");
    assert_string_equal(at(s, "/properties/revert"),
                        "{\"enum\":[\"changed\",\"always\",\"never\"],\"default\":\"changed\"}");
    assert_string_equal(at(s, "/properties/port"),
                        "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}");
    assert_string_equal(at(s, "/properties/token/pattern"), "\"^(file|env):.\"");
    assert_string_equal(at(s, "/properties/depends/anyOf/1/type"), "\"array\"");
    assert_string_equal(at(s, "/properties/stop/anyOf/0/type"),
                        "[\"string\",\"number\",\"boolean\"]");
    assert_string_equal(at(s, "/properties/stop/anyOf/1/properties/grace/default"), "\"30s\"");
    assert_string_equal(at(s, "/properties/stop/anyOf/1/properties/grace/description"),
                        "\"time to end\"");
    assert_string_equal(at(s, "/properties/drain/required"), "[\"balancer\"]");
    assert_string_equal(at(s, "/properties/runs/anyOf/1/items/anyOf/1/type"), "\"object\"");
    assert_string_equal(at(s, "/properties/labels"), "{}");
    assert_string_equal(at(s, "/properties/custom"), "{\"type\":\"integer\"}");
    _cleanup_json_ cJSON *k = hal9_schema_json(&kinds_schema);
    assert_string_equal(at(k, "/properties/kinds/additionalProperties"), "{\"x\":\"y\"}");
    at(j, "/nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),        cmocka_unit_test(one_error_each),
        cmocka_unit_test(all_in_one_go),     cmocka_unit_test(other_roots),
        cmocka_unit_test(at_most_a_hundred), cmocka_unit_test(hidden_keys_work),
        cmocka_unit_test(own_decoders),      cmocka_unit_test(json_schema),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
