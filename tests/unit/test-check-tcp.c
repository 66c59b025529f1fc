/* The tcp and udp checks with real peers, good and hostile. */
#include <netdb.h>

#include "service.h"

static struct hal9_check_result talk(const char *kind, int port, const char *more,
                                     const char *service) {
    struct hal9_service_ref ref = {0};
    if (service)
        ref = service_of(service);
    struct hal9_check_result r =
        check_run(check_makef("{%s: '127.0.0.1:%d', %s}", kind, port, more), service ? &ref : NULL);
    hal9_service_ref_clear(&ref);
    return r;
}

static void a_connection_passes(void **state) {
    (void)state;
    struct fixture f = fixture_start("hal9-server", (const char *[]){"--port", "0", NULL});
    struct hal9_check_result r = talk("tcp", f.port, "timeout: 5s", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "connected in ");
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    hal9_check_result_clear(&r);
    r = talk("tcp", f.port, "timeout: 5s", "layer9-server");
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", "accepts connections, but its listener is");
    hal9_check_result_clear(&r);
    r = talk("tcp", f.port, "listener: any", "layer9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "connected in ");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
}

static void what_comes_back_is_compared(void **state) {
    (void)state;
    static const struct {
        struct peer peer;
        const char *more;
        enum hal9_check_state state;
        const char *cause, *words;
    } cases[] = {
        {{.answer = "220 mail ESMTP\r\n", .greets = true},
         "expect: '220 '",
         HAL9_CHECK_PASS,
         NULL,
         "'220 mail ESMTP\\r\\n' in "},
        {{.answer = "+PONG\r\n"},
         "send: 'PING\\r\\n', expect: '+PONG\\r\\n'",
         HAL9_CHECK_PASS,
         NULL,
         "+PONG"},
        {{.answer = "v1.2\nv2.0\n"}, "send: x, expect: '~ ^v2'", HAL9_CHECK_PASS, NULL, "v2.0"},
        {{.answer = "+PONG\r\n"}, "send: x, expect: ''", HAL9_CHECK_PASS, NULL, "+PONG"},
        {{.answer = "500 no\r\n", .greets = true},
         "expect: '220 '",
         HAL9_CHECK_FAIL,
         "check_failed",
         "answers '500 no\\r\\n', not '220 '"},
        {{.answer = NULL},
         "send: x, expect: y",
         HAL9_CHECK_FAIL,
         "check_failed",
         "no answer before the connection ended"},
        {{.answer = NULL, .hold = true},
         "send: x, expect: y, timeout: 300ms",
         HAL9_CHECK_FAIL,
         "check_failed",
         "no answer within 0.3 s"},
        {{.answer = "220", .greets = true, .hold = true},
         "expect: '220 ', timeout: 300ms",
         HAL9_CHECK_FAIL,
         "check_failed",
         "answers '220', not '220 '"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct peer p = cases[i].peer;
        peer_start(&p);
        struct hal9_check_result r = talk("tcp", p.port, cases[i].more, NULL);
        assert_result(r, cases[i].state, cases[i].cause, cases[i].words);
        hal9_check_result_clear(&r);
        peer_stop(&p);
    }
}

static void a_peer_that_breaks_off_fails(void **state) {
    (void)state;
    struct peer p = {.reset = true};
    peer_start(&p);
    struct hal9_check_result r = talk("tcp", p.port, "send: x, expect: y", NULL);
    assert_int_equal(r.state, HAL9_CHECK_FAIL);
    assert_string_equal(r.cause, "check_failed");
    hal9_check_result_clear(&r);
    peer_stop(&p);
}

static void a_flood_ends(void **state) {
    (void)state;
    static char block[64 * 1024];
    memset(block, 'x', sizeof(block));
    struct peer p = {.answer = block, .length = sizeof(block), .repeat = 10000, .greets = true};
    peer_start(&p);
    struct hal9_check_result r = talk("tcp", p.port, "expect: y, timeout: 20s", NULL);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "answers 'xxx");
    assert_true(strlen(r.reason) < 300);
    hal9_check_result_clear(&r);
    peer_stop(&p);
}

static void nobody_listens(void **state) {
    (void)state;
    int port;
    int fd = closed_port(&port);
    struct hal9_check_result r = talk("tcp", port, "timeout: 5s", NULL);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "connection refused");
    hal9_check_result_clear(&r);
    r = talk("tcp", port, "timeout: 5s", "layer9-server");
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "layer9-server is not running");
    hal9_check_result_clear(&r);
    struct hal9_service_ref ref = service_of("layer9-server");
    /* A root folder without /etc/hosts knows no localhost. */
    struct addrinfo *found = NULL;
    bool named = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    if (found)
        freeaddrinfo(found);
    r = check_run(check_makef("tcp: %s:%d", named ? "localhost" : "127.0.0.1", port), &ref);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "connection refused");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    close(fd);
}

static void an_unknown_host_fails(void **state) {
    (void)state;
    const int64_t begin = hal9_mono_ms();
    struct hal9_check_result r =
        check_run(check_make("{tcp: 'no-such-host.invalid:1', timeout: 2s}"), NULL);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "no-such-host.invalid:1: ");
    assert_true(hal9_mono_ms() - begin < 4000);
    hal9_check_result_clear(&r);
}

static void datagrams_are_answered_or_not(void **state) {
    (void)state;
    struct fixture f = fixture_start("hal9-server", (const char *[]){"--port", "0", "--udp", NULL});
    struct hal9_check_result r = talk("udp", f.port, "send: x, expect: '\"ok\"'", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "in ");
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    hal9_check_result_clear(&r);
    r = talk("udp", f.port, "send: x, expect: no, timeout: 300ms", "hal9-server");
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "not 'no'");
    hal9_check_result_clear(&r);
    r = talk("udp", f.port, "send: x, expect: ok", "layer9-server");
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", "its listener is hal9-server");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
}

static void a_silent_udp_port_proves_nothing(void **state) {
    (void)state;
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--udp", "--hang", NULL});
    struct hal9_check_result r = talk("udp", f.port, "timeout: 200ms", NULL);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "proves nothing: add expect");
    hal9_check_result_clear(&r);
    /* But whose it is can be seen. */
    r = talk("udp", f.port, "timeout: 200ms", "hal9-server");
    assert_result(r, HAL9_CHECK_PASS, NULL, "hal9-server (pid ");
    hal9_check_result_clear(&r);
    r = talk("udp", f.port, "timeout: 200ms", "layer9-server");
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", "is silent");
    hal9_check_result_clear(&r);
    fixture_stop(&f);
}

static void a_udp_port_that_nobody_has_refuses(void **state) {
    (void)state;
    int port;
    int fd = bound_socket(SOCK_DGRAM, &port);
    close(fd); /* a bound one would take the datagram */
    struct hal9_check_result r = talk("udp", port, "timeout: 5s", "layer9-server");
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "connection refused");
    hal9_check_result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_passes),
        cmocka_unit_test(what_comes_back_is_compared),
        cmocka_unit_test(a_peer_that_breaks_off_fails),
        cmocka_unit_test(a_flood_ends),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(an_unknown_host_fails),
        cmocka_unit_test(datagrams_are_answered_or_not),
        cmocka_unit_test(a_silent_udp_port_proves_nothing),
        cmocka_unit_test(a_udp_port_that_nobody_has_refuses),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
