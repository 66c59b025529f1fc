/* What comes down the pipe: understood, and distrusted where it is cut. */
#include "doc-pipe.h"

static void canonical(void **state) {
    (void)state;
    struct run r;
    size_t len;
    int own;
    static const char input[] = BEGIN VERDICT ENDED("1");
    run_text(&r, input);
    assert_true(r.up.complete);
    assert_int_equal(r.up.lines, 3);
    assert_int_equal(r.up.bad_lines, 0);
    assert_int_equal(r.up.exit, 1);
    assert_false(r.up.fatal);
    assert_int_equal(r.up.n_verdicts, 1);
    assert_string_equal(r.up.verdicts[0].service, "a");
    assert_string_equal(r.up.verdicts[0].machine, "b1c5");
    assert_string_equal(r.up.verdicts[0].state, "failing");
    assert_string_equal(r.up.verdicts[0].cause, "not_running");
    assert_true(r.up.verdicts[0].time_ms == 1795403045678);
    assert_string_equal(hal9_json_str(r.up.verdicts[0].record, "tool"), "hal9-health");
    assert_string_equal(hal9_stream_run(r.s), "01JD8Z");
    assert_int_equal(hal9_stream_stage(r.s), 2);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_int_equal(own, 1);
    assert_string_equal(rest, input);
    /* Its begin comes before the first line, and knows run and stage. */
    assert_memory_equal(r.out, "{\"hal9\":1,\"kind\":\"begin\"", 24);
    char *newline = strchr(r.out, '\n');
    *newline = '\0';
    assert_non_null(strstr(r.out, "\"tool\":\"hal9-test\",\"stage\":2,\"run\":\"01JD8Z\""));
    run_clear(&r);
}

static void third_stage(void **state) {
    (void)state;
    struct run r;
    run_text(&r, HEAD("begin", "2") "}\n" BEGIN ENDED("1") HEAD("end", "2") ",\"exit\":0}\n");
    assert_int_equal(hal9_stream_stage(r.s), 3);
    assert_true(r.up.complete);
    assert_int_equal(r.up.exit, 0);
    assert_int_equal(hal9_upstream_exit(&r.up, 1), 1);
    run_clear(&r);
}

static void exit_codes(void **state) {
    (void)state;
    static const struct {
        const char *input;
        int exit, own, want;
        bool fatal;
    } cases[] = {
        {BEGIN ENDED("0"), 0, 0, 0, false},
        {BEGIN ENDED("1"), 1, 0, 0, false},
        {BEGIN ENDED("2"), 2, 0, 2, true},
        {BEGIN ENDED("3"), 3, 1, 3, true},
        {BEGIN ENDED("4"), 4, 0, 0, false},
        {BEGIN ENDED("5"), 5, 1, 1, false},
        {BEGIN ENDED("143"), 143, 0, 143, true},
        {HEAD("begin", "2") "}\n" BEGIN ENDED("2") HEAD("end", "2") ",\"exit\":130}\n", 130, 0, 130,
         true},
        {HEAD("begin", "2") "}\n" BEGIN ENDED("3") HEAD("end", "2") ",\"exit\":1}\n", 1, 0, 3,
         true},
        {VERDICT, -1, 1, 1, false},
        {BEGIN, -1, 0, 4, false},
        {"", -1, 0, 4, false},
        {BEGIN "rubbish\n" ENDED("3"), 3, 0, 3, true},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        run_text(&r, cases[i].input);
        assert_int_equal(r.up.exit, cases[i].exit);
        assert_int_equal(r.up.fatal, cases[i].fatal);
        assert_int_equal(hal9_upstream_exit(&r.up, cases[i].own), cases[i].want);
        run_clear(&r);
    }
}

/* Each of these ends in "nothing is done", with a problem that says why. */
static void incomplete(void **state) {
    (void)state;
    static const struct {
        const char *input, *says;
        unsigned line, col;
        size_t bad;
    } cases[] = {
        {"", "the input is empty", 0, 0, 0},
        {BEGIN VERDICT, "broke off: hal9-health (stage 1) began and did not end", 0, 0, 0},
        {BEGIN BEGIN ENDED("0"), "began and did not end", 0, 0, 0},
        {VERDICT ENDED("0"), "line 2 of the input: hal9-health (stage 1) ends here, but its begin",
         2, 0, 1},
        {BEGIN "ERROR: disk full\n" ENDED("0"), "line 2 of the input: no record: not JSON", 2, 1,
         1},
        {BEGIN "{\"a\":\n" ENDED("0"), "not JSON: the text ends", 2, 6, 1},
        {BEGIN "\n" ENDED("0"), "not JSON", 2, 1, 1},
        {BEGIN "{\"foreign\":true}\n" ENDED("0"), "no member 'hal9'", 2, 0, 1},
        {BEGIN "[1]\n" ENDED("0"), "no JSON object", 2, 0, 1},
        {BEGIN "{\"hal9\":2,\"kind\":\"x\"}\n" ENDED("0"), "format is 2; this build knows 1", 2, 0,
         1},
        {BEGIN "{\"hal9\":1}\n" ENDED("0"), "no 'kind'", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":7}\n" ENDED("0"), "no 'kind'", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"verdict\",\"service\":\"a\"}\n" ENDED("0"),
         "a verdict wants", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"end\"}\n" ENDED("0"), "an end wants", 2, 0, 1},
        {BEGIN HEAD("end", "1") "}\n", "an end wants", 2, 0, 1},
        {BEGIN HEAD("verdict",
                    "1") ",\"service\":\"a\\u0000b\",\"state\":\"failing\"}\n" ENDED("0"),
         "\\u0000", 2, sizeof(HEAD("verdict", "1") ",\"service\":\"a"), 1},
        {BEGIN HEAD("verdict",
                    "1") ",\"service\":\"a\",\"service\":\"b\",\"state\":\"failing\"}\n" ENDED("0"),
         "'service' stands in one object twice", 2,
         sizeof(HEAD("verdict", "1") ",\"service\":\"a\","), 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"x\",\"t\":\"\xff\"}\n" ENDED("0"), "not UTF-8", 2, 27, 1},
        {"{\"hal9\":1,\"kind\":\"x\",\"stage\":1,\"run\":\"../x\"}\n", "wants a run and a stage", 1,
         0, 1},
        {"{\"hal9\":1,\"kind\":\"x\",\"stage\":0,\"run\":\"x\"}\n", "wants a run and a stage", 1, 0,
         1},
        {"{\"hal9\":1,\"kind\":\"x\"}\n", "wants a run and a stage", 1, 0, 1},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        size_t len;
        int own;
        print_message("# %s\n", cases[i].says);
        run_text(&r, cases[i].input);
        assert_false(r.up.complete);
        assert_says(r.up.broken, cases[i].says);
        assert_int_equal(r.up.broken.line, cases[i].line);
        assert_int_equal(r.up.broken.col, cases[i].col);
        assert_int_equal(r.up.bad_lines, cases[i].bad);
        assert_int_equal(hal9_upstream_exit(&r.up, 0), 4);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_string_equal(rest, cases[i].input);
        assert_true(own >= 2);
        assert_non_null(strstr(r.out, "\"kind\":\"problem\""));
        run_clear(&r);
    }
}

/* Nobody has to understand these: they pass, are told where they are odd, and nothing is lost. */
static void passed_on(void **state) {
    (void)state;
    static const struct {
        const char *line, *told;
    } cases[] = {
        {"{\"hal9\":1,\"kind\":\"sample\",\"value\":1e400}\n", NULL},
        {"{\"hal9\":1,\"kind\":\"sample\",\"value\":9007199254740993}\n", NULL},
        {"{\"kind\":\"later\",\"hal9\":1}\n", NULL},
        {" { \"hal9\" : 1 , \"kind\" : \"check\" } \r\n", NULL},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":\"a\\u0000b\"}\n", "\\u0000"},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":\"\\ud800\"}\n", "surrogate"},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":1,\"x\":2}\n", "'x' stands in one object twice"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        size_t len;
        int own;
        _cleanup_free_ char *input = hal9_strf(BEGIN "%s" ENDED("0"), cases[i].line);
        run_text(&r, input);
        assert_true(r.up.complete);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_string_equal(rest, input);
        assert_int_equal(own, cases[i].told ? 2 : 1);
        if (cases[i].told)
            assert_non_null(strstr(r.out, "\"line\":2"));
        run_clear(&r);
    }
}

static void escaped_names_are_understood(void **state) {
    (void)state;
    struct run r;
    run_text(
        &r, BEGIN
        "{\"hal\\u0039\":1,\"k\\u0069nd\":\"verd\\u0069ct\",\"time\":\"2026-11-23T03:04:06Z\","
        "\"machine\":\"b1c5\",\"service\":\"\\u0061\",\"state\":\"healthy\"}\n" VERDICT ENDED("0"));
    assert_true(r.up.complete);
    assert_int_equal(r.up.n_verdicts, 1);
    assert_string_equal(r.up.verdicts[0].state, "healthy");
    run_clear(&r);
}

#define SAY(service, machine, time, state)                                                         \
    "{\"hal9\":1,\"kind\":\"verdict\",\"time\":\"" time "\",\"host\":\"h\",\"machine\":\"" machine \
    "\",\"tool\":\"t\","                                                                           \
    "\"stage\":1,\"run\":\"r\",\"service\":\"" service "\",\"state\":\"" state "\"}\n"

static void newest_verdict_counts(void **state) {
    (void)state;
    struct run r;
    run_text(&r, SAY("a", "m1", "2026-11-23T03:00:02Z", "failing")
                     SAY("b", "m1", "2026-11-23T03:00:00Z", "unknown")
                         SAY("a", "m1", "2026-11-23T03:00:01Z", "healthy")
                             SAY("a", "m2", "2026-11-23T03:00:00Z", "held")
                                 SAY("b", "m1", "2026-11-23T03:00:00.000Z", "degraded"));
    assert_true(r.up.complete);
    assert_int_equal(r.up.n_verdicts, 3);
    assert_string_equal(r.up.verdicts[0].state, "failing");
    assert_string_equal(r.up.verdicts[1].state, "degraded");
    assert_string_equal(r.up.verdicts[1].service, "b");
    assert_string_equal(r.up.verdicts[2].machine, "m2");
    run_clear(&r);
}

static void many_services(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf in = {0};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++)
            hal9_buf_printf(&in, HEAD("verdict", "1") ",\"service\":\"s%d\",\"state\":\"%s\"}\n", i,
                            round ? "healthy" : "failing");
    struct run r;
    run_bytes(&r, in.data, in.len);
    assert_int_equal(r.up.n_verdicts, 3000);
    for (int i = 0; i < 3000; i++) {
        _cleanup_free_ char *name = hal9_strf("s%d", i);
        assert_string_equal(r.up.verdicts[i].service, name);
        assert_string_equal(r.up.verdicts[i].state, "healthy");
    }
    run_clear(&r);
}

static void rounds(void **state) {
    (void)state;
    struct run r;
    run_text(&r, HEAD("begin", "1") ",\"round\":1}\n" HEAD(
                     "end", "1") ",\"round\":1,\"exit\":1}\n" HEAD("begin", "1") ",\"round\":2}\n");
    assert_false(r.up.complete);
    run_clear(&r);
    run_text(&r,
             HEAD("begin", "1") ",\"round\":1}\n" HEAD("end", "1") ",\"round\":2,\"exit\":1}\n");
    assert_false(r.up.complete);
    run_clear(&r);
    run_text(
        &r, HEAD("begin", "1") ",\"round\":1}\n" HEAD("end", "1") ",\"round\":1,\"exit\":1}\n" HEAD(
                "begin", "1") ",\"round\":2}\n" HEAD("end", "1") ",\"round\":2,\"exit\":0}\n");
    assert_true(r.up.complete);
    assert_int_equal(r.up.exit, 0);
    run_clear(&r);
}

static void last_line_without_newline(void **state) {
    (void)state;
    struct run r;
    size_t len;
    int own;
    static const char input[] = BEGIN ENDED("0");
    run_bytes(&r, input, sizeof(input) - 2);
    assert_true(r.up.complete);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_string_equal(rest, input);
    assert_int_equal(own, 2);
    assert_non_null(strstr(r.out, "has no line end"));
    run_clear(&r);
    /* One lone line, cut in its middle. */
    run_bytes(&r, BEGIN, 40);
    assert_false(r.up.complete);
    assert_int_equal(r.up.bad_lines, 1);
    _cleanup_free_ char *cut = foreign(&r, &len, &own);
    assert_int_equal(len, 41);
    assert_memory_equal(cut, BEGIN, 40);
    run_clear(&r);
}

/* Every way to cut a stream: never complete, never anything lost. */
static void cut_anywhere(void **state) {
    (void)state;
    static const char input[] = BEGIN VERDICT ENDED("1");
    for (size_t cut = 0; cut < sizeof(input) - 3; cut++) {
        struct run r;
        size_t len;
        int own;
        run_bytes(&r, input, cut);
        assert_false(r.up.complete);
        assert_int_equal(hal9_upstream_exit(&r.up, 0), 4);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_memory_equal(rest, input, cut);
        assert_true(len == cut || (len == cut + 1 && rest[cut] == '\n'));
        run_clear(&r);
    }
}

static void problems_are_bounded(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf in = {0};
    struct run r;
    size_t len;
    int own;
    for (int i = 0; i < 5000; i++)
        hal9_buf_puts(&in, "rubbish\n");
    run_bytes(&r, in.data, in.len);
    assert_int_equal(r.up.bad_lines, 5000);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_int_equal(own, 101);
    assert_int_equal(len, in.len);
    assert_memory_equal(rest, in.data, len);
    run_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical),
        cmocka_unit_test(third_stage),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(incomplete),
        cmocka_unit_test(passed_on),
        cmocka_unit_test(escaped_names_are_understood),
        cmocka_unit_test(newest_verdict_counts),
        cmocka_unit_test(many_services),
        cmocka_unit_test(rounds),
        cmocka_unit_test(last_line_without_newline),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(problems_are_bounded),
    };
    return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
