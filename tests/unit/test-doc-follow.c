/* Rounds of a watch, one after the other: what is handed over, what is passed on, how it ends. */

#include <fcntl.h>

#include "doc-pipe.h"

#define ROUND_BEGIN(n) HEAD("begin", "1") ",\"round\":" n "}\n"
#define ROUND_END(n)                                                                  \
    HEAD("end", "1")                                                                  \
    ",\"planned\":1,\"ran\":1,\"passed\":0,\"failed\":1,\"unknown\":0,\"skipped\":0," \
    "\"exit\":1,\"resumable\":false,\"round\":" n "}\n"

struct pipe_run {
    struct hal9_stream *s;
    struct hal9_follow *f;
    struct hal9_upstream up;
    int in, out;
    bool over;
};

static void start(struct pipe_run *r) {
    int in[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    r->out = file_of("", 0);
    struct hal9_stream_opts o = {
        .tool = "hal9-test", .host = "h", .machine = "m", .fd = r->out, .buffered_pass = true};
    r->s = hal9_stream_new(&o);
    r->f = hal9_follow_new(r->s, in[0], -1);
    r->in = in[1];
    r->up = (struct hal9_upstream){.exit = -1};
}

static void say(const struct pipe_run *r, const char *text) {
    assert_int_equal(write(r->in, text, strlen(text)), (ssize_t)strlen(text));
}

static void next(struct pipe_run *r) {
    hal9_upstream_clear(&r->up);
    assert_ok(hal9_follow_next(r->f, &r->up, &r->over, NULL));
}

static void end(struct pipe_run *r) {
    const struct hal9_stage_result end = {.round = (int)r->up.round};
    hal9_stream_end(r->s, &end);
}

/* "begin 1 hal9-test" of each line, separated by commas. */
static char *written(const struct pipe_run *r) {
    struct hal9_buf all = {0};
    char *rest = NULL;
    const size_t len = (size_t)lseek(r->out, 0, SEEK_END);
    char *bytes = hal9_alloc(len + 1);
    assert_int_equal(pread(r->out, bytes, len, 0), (ssize_t)len);
    for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *j = NULL;
        assert_ok(hal9_json_parse(line, strlen(line), &j, NULL));
        hal9_buf_printf(&all, "%s%s %lld %s", all.len > 0 ? "," : "", hal9_json_str(j, "kind"),
                        (long long)hal9_json_int(j, "round", 0), hal9_json_str(j, "tool"));
        cJSON_Delete(j);
    }
    free(bytes);
    return hal9_buf_take(&all);
}

static void stop(struct pipe_run *r) {
    hal9_upstream_clear(&r->up);
    hal9_follow_free(r->f);
    hal9_stream_free(r->s);
    close(r->out);
}

static void each_round_is_handed_over(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    say(&r, ROUND_BEGIN("1") VERDICT ROUND_END("1"));
    next(&r);
    assert_false(r.over);
    assert_true(r.up.complete);
    assert_int_equal(r.up.round, 1);
    assert_int_equal(r.up.n_verdicts, 1);
    assert_int_equal(r.up.exit, 1);
    assert_true(r.up.begin_ms > 0);
    end(&r);
    say(&r, ROUND_BEGIN("2") ROUND_END("2"));
    next(&r);
    assert_int_equal(r.up.round, 2);
    assert_int_equal(r.up.n_verdicts, 0); /* not the first one's */
    end(&r);
    close(r.in);
    next(&r);
    assert_true(r.over);
    assert_true(r.up.complete);
    _cleanup_free_ char *all = written(&r);
    assert_string_equal(all, "begin 1 hal9-test,begin 1 hal9-health,verdict 0 hal9-health,"
                             "end 1 hal9-health,end 1 hal9-test,"
                             "begin 2 hal9-test,begin 2 hal9-health,end 2 hal9-health,"
                             "end 2 hal9-test");
    stop(&r);
}

static void the_newest_that_is_there_counts(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    say(&r, ROUND_BEGIN("1") VERDICT ROUND_END("1") ROUND_BEGIN("2") ROUND_END("2") ROUND_BEGIN("3")
                VERDICT ROUND_END("3") ROUND_BEGIN("4"));
    next(&r);
    assert_int_equal(r.up.round, 3);
    assert_int_equal(r.up.n_verdicts, 1);
    end(&r);
    close(r.in);
    next(&r); /* the fourth was cut off */
    assert_true(r.over);
    assert_false(r.up.complete);
    assert_says(r.up.broken, "began and did not end");
    _cleanup_free_ char *all = written(&r);
    assert_non_null(strstr(all, "end 1 hal9-health,end 1 hal9-test,begin 2 hal9-test,"));
    assert_non_null(strstr(all, "end 3 hal9-health,end 3 hal9-test,begin 4 hal9-test,"));
    stop(&r);
}

static void tools_between_have_their_own_brackets(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    say(&r, HEAD("begin", "2") ",\"round\":1}\n" ROUND_BEGIN("1") VERDICT ROUND_END("1"));
    say(&r, HEAD("end", "2") ",\"planned\":1,\"ran\":1,\"passed\":1,\"failed\":0,\"unknown\":0,"
                             "\"skipped\":0,\"exit\":0,\"resumable\":false,\"round\":1}\n");
    next(&r);
    assert_int_equal(r.up.round, 1);
    assert_int_equal(r.up.exit, 0); /* the last stage's */
    end(&r);
    close(r.in);
    stop(&r);
}

static void a_bad_line_spoils_its_round_alone(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    say(&r, ROUND_BEGIN("1") "nonsense\n" ROUND_END("1"));
    next(&r);
    assert_false(r.up.complete);
    assert_int_equal(hal9_upstream_exit(&r.up, 0), 4);
    end(&r);
    say(&r, ROUND_BEGIN("2") VERDICT ROUND_END("2"));
    next(&r);
    assert_true(r.up.complete);
    assert_int_equal(r.up.n_verdicts, 1);
    end(&r);
    close(r.in);
    stop(&r);
}

static void a_round_without_its_end_holds_up_none_after_it(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    say(&r, ROUND_BEGIN("1") VERDICT ROUND_BEGIN("2") VERDICT ROUND_END("2"));
    next(&r);
    assert_false(r.up.complete);
    assert_says(r.up.broken, "began and did not end");
    end(&r);
    say(&r, ROUND_BEGIN("3") VERDICT ROUND_END("3"));
    next(&r);
    assert_true(r.up.complete);
    assert_int_equal(r.up.round, 3);
    end(&r);
    close(r.in);
    stop(&r);
}

static void nothing_at_all_is_told(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    close(r.in);
    next(&r);
    assert_true(r.over);
    assert_says(r.up.broken, "the input is empty");
    stop(&r);
}

static void a_signal_ends_the_waiting(void **state) {
    (void)state;
    int in[2], soft[2];
    struct hal9_upstream up = {.exit = -1};
    bool over;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(soft, O_CLOEXEC), 0);
    struct hal9_stream_opts o = {.tool = "hal9-test", .host = "h", .machine = "m", .fd = -1};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_follow *f = hal9_follow_new(s, in[0], soft[0]);
    assert_int_equal(write(soft[1], "!", 1), 1);
    assert_int_equal(hal9_follow_next(f, &up, &over, NULL), HAL9_E_INTERRUPTED);
    hal9_follow_free(f);
    hal9_stream_free(s);
}

static size_t shown;
static void show(void *data, const cJSON *record) {
    assert_ptr_equal(data, &shown);
    assert_non_null(hal9_json_str(record, "kind"));
    shown++;
}

static void each_record_is_shown_and_no_round_left_out(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    shown = 0;
    hal9_follow_each(r.f, show, &shown);
    say(&r, ROUND_BEGIN("1") VERDICT ROUND_END("1") ROUND_BEGIN("2") ROUND_END("2"));
    next(&r);
    assert_int_equal(r.up.round, 1);
    assert_int_equal(shown, 3);
    assert_false(r.up.loose);
    end(&r);
    next(&r);
    assert_int_equal(r.up.round, 2);
    assert_int_equal(shown, 5);
    end(&r);
    close(r.in);
    stop(&r);
}

static void what_nothing_is_around_is_a_round_of_its_own(void **state) {
    (void)state;
    struct pipe_run r = {0};
    start(&r);
    shown = 0;
    hal9_follow_each(r.f, show, &shown);
    say(&r, VERDICT VERDICT "rubbish\n" VERDICT);
    for (int i = 0; i < 4; i++) {
        next(&r);
        assert_true(r.up.loose);
        assert_int_equal(r.up.complete, i != 2);
        assert_int_equal(shown, i < 2 ? i + 1 : i);
    }
    say(&r, ROUND_BEGIN("7") ROUND_END("7"));
    next(&r);
    assert_false(r.up.loose);
    end(&r);
    say(&r, VERDICT);
    next(&r);
    assert_true(r.up.loose);
    close(r.in);
    next(&r);
    assert_true(r.over);
    assert_true(r.up.complete);
    assert_true(hal9_stream_begun(r.s));
    end(&r);
    hal9_stream_free(r.s);
    r.s = NULL;
    const size_t len = (size_t)lseek(r.out, 0, SEEK_END);
    _cleanup_free_ char *bytes = hal9_alloc(len + 1);
    assert_int_equal(pread(r.out, bytes, len, 0), (ssize_t)len);
    /* one begin for those in a row, ended before the round's */
    const char *order[] = {"\"begin\"", "rubbish", "\"end\"",   "\"begin\"", "\"round\":7",
                           "\"end\"",   "\"end\"", "\"begin\"", "\"end\""};
    const char *at = bytes;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(order); i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
        at++;
    }
    stop(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_round_is_handed_over),
        cmocka_unit_test(the_newest_that_is_there_counts),
        cmocka_unit_test(tools_between_have_their_own_brackets),
        cmocka_unit_test(a_bad_line_spoils_its_round_alone),
        cmocka_unit_test(a_round_without_its_end_holds_up_none_after_it),
        cmocka_unit_test(nothing_at_all_is_told),
        cmocka_unit_test(a_signal_ends_the_waiting),
        cmocka_unit_test(each_record_is_shown_and_no_round_left_out),
        cmocka_unit_test(what_nothing_is_around_is_a_round_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
