/* What systemctl show prints, read. */
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "net/systemd.h"

static void a_unit_is_read(void **state) {
    (void)state;
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    assert_ok(hal9_unit_parse(
        "layer9",
        "MainPID=4711\nRestart=on-failure\nRestartUSec=1min 30s\n"
        "ExecStart={ path=/usr/bin/layer9-server ; argv[]=/usr/bin/layer9-server -p 1 ; }\n"
        "ControlGroup=/system.slice/layer9.service\nId=layer9.service\nLoadState=loaded\n"
        "ActiveState=active\nSubState=running\nTriggeredBy=layer9.socket layer9.timer\n"
        "RequiredBy=b.service\nBoundBy=a.service b.service\nConsistsOf=\nstray\n"
        "FragmentPath=/etc/systemd/system/layer9.service\n",
        &u, NULL));
    assert_string_equal(u.name, "layer9.service");
    assert_string_equal(u.active, "active");
    assert_string_equal(u.sub, "running");
    assert_string_equal(u.cgroup, "/system.slice/layer9.service");
    assert_int_equal(u.main_pid, 4711);
    assert_int_equal(u.restart_ms, 90000);
    assert_string_equal(u.restart, "on-failure");
    assert_string_equal(u.exec_start, "/usr/bin/layer9-server");
    assert_string_equal(u.fragment, "/etc/systemd/system/layer9.service");
    assert_int_equal(u.triggered_by.n, 2);
    assert_string_equal(u.triggered_by.v[0], "layer9.socket");
    assert_int_equal(u.required_by.n, 2);
}

static void a_unit_that_is_not_loaded_is_not_found(void **state) {
    (void)state;
    static const char *const texts[] = {"LoadState=not-found\nActiveState=inactive\n", "", "\n\n"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(texts); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_unit u = {.main_pid = 1};
        assert_int_equal(hal9_unit_parse("x.service", texts[i], &u, &err), HAL9_E_NOT_FOUND);
        assert_says(err, "x.service");
        assert_int_equal(u.main_pid, 1);
    }
}

static void spans_are_read(void **state) {
    (void)state;
    assert_int_equal(hal9_unit_span_ms("100ms"), 100);
    assert_int_equal(hal9_unit_span_ms("5s"), 5000);
    assert_int_equal(hal9_unit_span_ms("1min 30s"), 90000);
    assert_int_equal(hal9_unit_span_ms("1h 1min 1.5s"), 3661500);
    assert_int_equal(hal9_unit_span_ms("1w 1d"), INT64_C(8) * 86400000);
    assert_int_equal(hal9_unit_span_ms("999us"), 0);
    assert_int_equal(hal9_unit_span_ms("0"), 0);
    assert_int_equal(hal9_unit_span_ms("infinity"), -1);
    assert_int_equal(hal9_unit_span_ms("soon"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_is_read),
        cmocka_unit_test(a_unit_that_is_not_loaded_is_not_found),
        cmocka_unit_test(spans_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
