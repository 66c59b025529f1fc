/* The http check with real servers: its own, a thief, hostile ones. */
#include "service.h"

static struct hal9_check_result ask(int port, const char *more, const char *service) {
    struct hal9_service_ref ref = {0};
    if (service)
        ref = service_of(service);
    struct hal9_check_result r = check_run(
        check_makef("{http: 'http://127.0.0.1:%d/health', %s}", port, more), service ? &ref : NULL);
    hal9_service_ref_clear(&ref);
    return r;
}

static struct fixture start(const char *name, const char *option) {
    return fixture_start(name, (const char *[]){"--port", "0", option, NULL});
}

static void the_service_itself_passes(void **state) {
    (void)state;
    struct fixture f = start("hal9-server", NULL);
    struct hal9_service_ref ref = service_of("hal9-server");
    char address[64];
    struct hal9_check_result r =
        ask(f.port, "expect: {status: 200, json: {/status: ok}, within: 2s}", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "200 in ");
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    assert_string_equal(hal9_json_str(r.evidence, "exe"), ref.identity.exe);
    assert_string_equal(hal9_json_str(r.evidence, "name"), "hal9-server");
    assert_true(hal9_endswith(hal9_json_str(r.evidence, "started"), "Z"));
    snprintf(address, sizeof(address), "127.0.0.1:%d", f.port);
    assert_string_equal(hal9_json_str(r.evidence, "peer"), address);
    assert_true(hal9_endswith(hal9_json_str(r.evidence, "url"), "/health"));
    assert_string_equal(r.unit, "ms");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&f);
}

static void a_thief_that_answers_200_is_a_conflict(void **state) {
    (void)state;
    struct fixture f = fixture_start(
        "layer9-server", (const char *[]){"--port", "0", "--claim", "hal9-server", NULL});
    char words[160];
    struct hal9_check_result r =
        ask(f.port, "expect: {json: {/service: hal9-server}}", "hal9-server");
    snprintf(words, sizeof(words),
             "port %d answers 200, but its listener is layer9-server (pid %d), not hal9-server",
             f.port, (int)f.server_pid);
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", words);
    assert_string_equal(hal9_json_str(r.evidence, "name"), "layer9-server");
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    hal9_check_result_clear(&r);
    /* Whoever answers will do where that is told, and where nothing tells who should. */
    r = ask(f.port, "listener: any", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "200");
    hal9_check_result_clear(&r);
    r = ask(f.port, "name: x", NULL);
    assert_result(r, HAL9_CHECK_PASS, NULL, "200");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
}

static void a_thief_is_a_conflict_whatever_it_says(void **state) {
    (void)state;
    static const char *const options[][3] = {
        {"--status=503", "answers 503", "timeout: 5s"},
        {"--hang", "gives no whole answer within 0.3 s", "timeout: 300ms"},
        {"--redirect", "answers 302", "timeout: 5s"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(options); i++) {
        struct fixture f = start("layer9-server", options[i][0]);
        struct hal9_check_result r = ask(f.port, options[i][2], "hal9-server");
        assert_result(r, HAL9_CHECK_FAIL, "port_conflict", options[i][1]);
        assert_result(r, HAL9_CHECK_FAIL, "port_conflict", ", and its listener is layer9-server");
        hal9_check_result_clear(&r);
        fixture_stop(&f);
    }
}

static void its_own_failures_are_its_own(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"--status=503", "timeout: 5s", "503, not 200-299"},
        {"--status=500", "expect: {status: '< 500'}", "500, not < 500"},
        {"--redirect", "timeout: 5s", "302: redirected to /login, not the page"},
        {"--redirect", "follow: 1, expect: {json: {/status: ok}}", "not JSON (text/plain"},
        {"--hang", "timeout: 300ms", "no whole answer within 0.3 s"},
        {"--drip", "timeout: 300ms", "no whole answer within 0.3 s"},
        {"--status=200", "expect: {json: {/queue: '< 10'}}", "/queue is not there"},
        {"--status=200", "expect: {json: {/queue: '!= 10'}}", "/queue is not there"},
        {"--status=200", "expect: {json: {/status: up}}", "/status is 'ok', not 'up'"},
        {"--status=200", "expect: {body: '~ ^never$'}", "the body is"},
        {"--status=200", "expect: {header: {X-Test: 'x'}}", "header X-Test is not there"},
        {"--status=200", "expect: {header: {content-type: 'text/html'}}", "header content-type is"},
        {"--drip", "expect: {within: 100ms}", "not within 0.1 s"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct fixture f = start("hal9-server", cases[i][0]);
        struct hal9_check_result r = ask(f.port, cases[i][1], "hal9-server");
        assert_result(r, HAL9_CHECK_FAIL, "check_failed", cases[i][2]);
        hal9_check_result_clear(&r);
        fixture_stop(&f);
    }
}

static void nobody_listens(void **state) {
    (void)state;
    int port;
    int fd = closed_port(&port);
    struct hal9_check_result r = ask(port, "timeout: 5s", NULL);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "connection refused");
    hal9_check_result_clear(&r);
    struct hal9_service_ref ref = {.name = hal9_strdup("ghost"),
                                   .identity = {.exe = hal9_strdup("/nowhere/ghost")}};
    r = check_run(check_makef("http: http://localhost:%d/", port), &ref);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "; ghost is not running");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    /* It runs, but listens elsewhere. */
    struct fixture f = start("hal9-server", NULL);
    r = ask(port, "timeout: 5s", "hal9-server");
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", ", though hal9-server (pid ");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
    close(fd);
}

static void hostile_answers_fail(void **state) {
    (void)state;
    static char block[64 * 1024];
    fill_block(block, sizeof(block), "HTTP/1.1 200 OK\r\n\r\n", "[");
    const struct {
        struct peer peer;
        const char *more, *words;
    } cases[] = {
        {{.answer = "SSH-2.0-x\r\n", .greets = true}, "timeout: 2s", "not a whole HTTP answer"},
        {{.answer = NULL}, "timeout: 2s", "not a whole HTTP answer"},
        {{.answer = NULL, .reset = true}, "timeout: 2s", "not a whole HTTP answer"},
        {{.answer = block, .length = sizeof(block), .repeat = 100},
         "expect: {json: {/a: 1}}",
         "its JSON was not read"},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"a\":1,\"a\":"},
         "expect: {json: {/a: 1}}",
         "the answer is not JSON"},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>1</html>"},
         "expect: {json: {/a: '< 10'}}",
         "the answer is not JSON"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct peer p = cases[i].peer;
        peer_start(&p);
        struct hal9_check_result r = ask(p.port, cases[i].more, NULL);
        assert_result(r, HAL9_CHECK_FAIL, "check_failed", cases[i].words);
        hal9_check_result_clear(&r);
        peer_stop(&p);
    }
}

static void secrets_are_read_at_use(void **state) {
    (void)state;
    struct peer p = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    setenv("HAL9_TEST_TOKEN", "Bearer geheim", 1);
    peer_start(&p);
    struct hal9_check_result r =
        ask(p.port, "headers: {Authorization: env:HAL9_TEST_TOKEN}, data: {a: 1}", NULL);
    assert_result(r, HAL9_CHECK_PASS, NULL, "200");
    hal9_check_result_clear(&r);
    r = ask(p.port, "headers: {Authorization: env:HAL9_NO_SUCH}", NULL);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "HAL9_NO_SUCH");
    hal9_check_result_clear(&r);
    peer_stop(&p);
    assert_non_null(strstr(p.got, "Authorization: Bearer geheim\r\n"));
    assert_non_null(strstr(p.got, "Content-Type: application/json\r\n"));
    assert_true(hal9_startswith(p.got, "POST /health"));
    assert_true(hal9_endswith(p.got, "{\"a\":1}"));
}

static void forked_workers_are_the_service(void **state) {
    (void)state;
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--workers", "2", NULL});
    struct hal9_check_result r = ask(f.port, "timeout: 5s", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "200");
    hal9_check_result_clear(&r);
    kill(f.pid, SIGTERM);
    waitpid(f.pid, NULL, 0);
}

static void two_hundred_at_once(void **state) {
    (void)state;
    enum { N = 200 };
    struct peer silent = {.hold = true};
    struct hal9_service_ref ref = service_of("hal9-server");
    struct hal9_check_job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    peer_start(&silent);
    for (size_t i = 0; i < N; i++) {
        jobs[i].check =
            check_makef("{http: 'http://127.0.0.1:%d/%zu', timeout: 1s}", silent.port, i);
        jobs[i].service = &ref;
    }
    const int64_t begin = hal9_mono_ms();
    assert_ok(hal9_checks_run(jobs, N, -1, -1, NULL));
    assert_in_range(hal9_mono_ms() - begin, 990, 4000);
    for (size_t i = 0; i < N; i++) {
        assert_result(jobs[i].result, HAL9_CHECK_FAIL, "port_conflict", "not hal9-server");
        hal9_check_free((struct hal9_check *)jobs[i].check);
        hal9_check_result_clear(&jobs[i].result);
    }
    peer_stop(&silent);
    hal9_service_ref_clear(&ref);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_itself_passes),
        cmocka_unit_test(a_thief_that_answers_200_is_a_conflict),
        cmocka_unit_test(a_thief_is_a_conflict_whatever_it_says),
        cmocka_unit_test(its_own_failures_are_its_own),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(hostile_answers_fail),
        cmocka_unit_test(secrets_are_read_at_use),
        cmocka_unit_test(forked_workers_are_the_service),
        cmocka_unit_test(two_hundred_at_once),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
