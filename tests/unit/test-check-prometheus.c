/* The prometheus check on answers as servers give them: values, no data in all its forms, and peers that are none. */
#include "service.h"

static struct hal9_check_result ask_peer(struct peer *p, const char *below) {
    const char *number = strrchr(below, ' '); /* "5%", or ">= 0.99" */
    return check_run(check_makef("{prometheus: 'http://127.0.0.1:%d/', query: 'a/b > 1', %s: "
                                 "%s, timeout: 2s}",
                                 p->port, number ? "at_least" : "below",
                                 number ? number + 1 : below),
                     NULL);
}

/* The body in an answer of 200, or of the status that stands before it. */
static struct hal9_check_result ask(const char *body, const char *below) {
    int status = 200;
    const char *text = body;
    if (sscanf(body, "%d ", &status) == 1)
        text = strchr(body, ' ') + 1;
    _cleanup_free_ char *answer =
        hal9_strf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
                  strlen(text), text);
    struct peer p = {.answer = answer};
    peer_start(&p);
    struct hal9_check_result r = ask_peer(&p, below);
    assert_non_null(strstr(p.got, "GET /api/v1/query?query=a%2Fb%20%3E%201 HTTP/1.1\r\n"));
    peer_stop(&p);
    return r;
}

#define VECTOR(values) \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" values "]}}"
#define SERIES(value) "{\"metric\":{\"a\":\"b\"},\"value\":[1764150000.1,\"" value "\"]}"

static void what_is_below_passes_and_what_is_not_fails(void **state) {
    static const struct {
        const char *body, *below;
        enum hal9_check_state state;
        const char *words;
    } cases[] = {
        {VECTOR(SERIES("0.012")), "5%", HAL9_CHECK_PASS, "1.2%, below 5%"},
        {VECTOR(SERIES("0.05")), "5%", HAL9_CHECK_FAIL, "5%, not below 5%"},
        {VECTOR(SERIES("0.25")), "100ms", HAL9_CHECK_FAIL, "250 ms, not below 100 ms"},
        {VECTOR(SERIES("0.0123")), "100ms", HAL9_CHECK_PASS, "12.3 ms, below 100 ms"},
        {VECTOR(SERIES("7")), "10", HAL9_CHECK_PASS, "7, below 10"},
        {VECTOR(SERIES("0")), "5%", HAL9_CHECK_PASS, "0%, below 5%"},
        {VECTOR(SERIES("-3")), "10", HAL9_CHECK_PASS, "-3, below 10"},
        {VECTOR(SERIES("1e3")), "10", HAL9_CHECK_FAIL, "1000, not below 10"},
        {VECTOR(SERIES("+Inf")), "100ms", HAL9_CHECK_FAIL, "+Inf, not below"},
        /* of several the worst counts */
        {VECTOR(SERIES("1") "," SERIES("12") "," SERIES("3")), "10", HAL9_CHECK_FAIL, "12, not"},
        {VECTOR(SERIES("1") "," SERIES("2")), "10", HAL9_CHECK_PASS, "2, below 10"},
        {VECTOR(SERIES("NaN") "," SERIES("12")), "10", HAL9_CHECK_FAIL, "12, not below 10"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"4\"]}}", "10",
         HAL9_CHECK_PASS, "4, below 10"},
        /* at_least: the least is the worst */
        {VECTOR(SERIES("0.99")), ">= 0.99", HAL9_CHECK_PASS, "0.99, at least 0.99"},
        {VECTOR(SERIES("0.98")), ">= 0.99", HAL9_CHECK_FAIL, "0.98, not at least 0.99"},
        {VECTOR(SERIES("1") "," SERIES("0.5") "," SERIES("2")), ">= 99%", HAL9_CHECK_FAIL,
         "50%, not at least 99%"},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_check_result r = ask(cases[i].body, cases[i].below);
        assert_result(r, cases[i].state, cases[i].state == HAL9_CHECK_FAIL ? "check_failed" : NULL,
                      cases[i].words);
        hal9_check_result_clear(&r);
    }
}

static void no_data_is_unknown_in_all_its_forms(void **state) {
    static const struct {
        const char *body, *words;
    } cases[] = {
        {VECTOR(""), "no data: the query has no result"},
        {VECTOR(SERIES("NaN")), "no data: 1 of 1 values are NaN"},
        {VECTOR(SERIES("1") "," SERIES("NaN")), "no data: 1 of 2 values are NaN"},
        {VECTOR(SERIES("-Inf")), "no data: 1 of 1 values are NaN"},
        {VECTOR(SERIES("")), "no data"},
        {VECTOR("{}"), "no data"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
         "no answer to a query"},
        {"400 {\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}",
         "no data: it answers 400: parse error"},
        {"503 ", "no data: it answers 503, and no JSON"},
        {"404 <html>", "no data: it answers 404, and no JSON"},
        {"[]", "no answer to a query"},
        {"{\"status\":\"success\"}", "no answer to a query"},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_check_result r = ask(cases[i].body, "10");
        assert_result(r, HAL9_CHECK_UNKNOWN, NULL, cases[i].words);
        hal9_check_result_clear(&r);
    }
}

static void a_server_that_is_not_there_is_unknown(void **state) {
    int port;
    int held = closed_port(&port);
    struct peer p = {.port = port};
    struct hal9_check_result r = ask_peer(&p, "10");
    (void)state;
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "no data: ");
    hal9_check_result_clear(&r);
    close(held);
}

static void a_server_that_hangs_is_unknown(void **state) {
    struct peer p = {.hold = true};
    (void)state;
    peer_start(&p);
    struct hal9_check_result r =
        check_run(check_makef("{prometheus: 'http://127.0.0.1:%d', query: up, below: 1, timeout: "
                              "200ms}",
                              p.port),
                  NULL);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "no data: no whole answer within 0.2 s");
    hal9_check_result_clear(&r);
    peer_stop(&p);
}

static void a_token_is_sent_and_never_shown(void **state) {
    static const char body[] = "HTTP/1.1 401 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    struct peer p = {.answer = body};
    (void)state;
    setenv("HAL9_TEST_TOKEN", "s3cret", 1);
    peer_start(&p);
    struct hal9_check_result r =
        check_run(check_makef("{prometheus: 'http://127.0.0.1:%d', query: up, below: 1, token: "
                              "'env:HAL9_TEST_TOKEN'}",
                              p.port),
                  NULL);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "it answers 401");
    assert_non_null(strstr(p.got, "Authorization: Bearer s3cret\r\n"));
    _cleanup_free_ char *evidence = hal9_json_text(r.evidence);
    assert_null(strstr(evidence, "s3cret"));
    hal9_check_result_clear(&r);
    peer_stop(&p);
    unsetenv("HAL9_TEST_TOKEN");
    r = check_run(check_make("{prometheus: 'http://127.0.0.1:9', query: up, below: 1, token: "
                             "'env:HAL9_TEST_TOKEN'}"),
                  NULL);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "HAL9_TEST_TOKEN");
    hal9_check_result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_below_passes_and_what_is_not_fails),
        cmocka_unit_test(no_data_is_unknown_in_all_its_forms),
        cmocka_unit_test(a_server_that_is_not_there_is_unknown),
        cmocka_unit_test(a_server_that_hangs_is_unknown),
        cmocka_unit_test(a_token_is_sent_and_never_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
