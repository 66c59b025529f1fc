/* unit.stop and unit.start, who supervises a holder, and a service in a scope of its own, where systemd is PID 1. tests/real/systemd.bats runs this in
 * a box with a systemd. */
#include "workload-world.h"

#define UNIT "hal9-test-layer9.service"
#define UNIT_FILE "/run/systemd/system/" UNIT

static int systemctl(const char *verb) {
    const char *const argv[] = {"systemctl", verb, UNIT, NULL};
    const struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 30000, -1, 4096, &r, NULL));
    return r.exit;
}

static void reload(void) {
    const char *const argv[] = {"systemctl", "daemon-reload", NULL};
    const struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 30000, -1, 4096, &r, NULL));
    assert_int_equal(r.exit, 0);
}

/* A unit that runs our layer9-server on a port of its own choice; *ret_port. */
static pid_t unit_up(struct world *w, const char *more, int *ret_port) {
    _cleanup_free_ char *exe = program("layer9-server");
    _cleanup_free_ char *ready = hal9_strf("%s/unit-ready", w->dir);
    _cleanup_free_ char *text =
        hal9_strf("[Service]\nExecStart=%s --port 0 --ready-file %s\n%s", exe, ready, more);
    _cleanup_buf_ struct hal9_buf told = {0};
    int pid = 0;
    unlink(ready);
    assert_ok(hal9_file_write(UNIT_FILE, text, strlen(text), 0644, NULL));
    reload();
    assert_int_equal(systemctl("start"), 0);
    eventually(access(ready, F_OK) == 0);
    assert_ok(hal9_file_read(ready, 4096, &told, NULL));
    assert_int_equal(sscanf(told.data, "%d %d", ret_port, &pid), 2);
    return (pid_t)pid;
}

static void unit_down(void) {
    systemctl("stop");
    unlink(UNIT_FILE);
    reload();
}

#define need_systemd()                                  \
    do {                                                \
        if (access("/run/systemd/system", F_OK) != 0) { \
            skip_needs("systemd as PID 1");             \
            return;                                     \
        }                                               \
    } while (0)

static void a_unit_is_stopped_and_undo_starts_it(void **state) {
    need_systemd();
    struct world *w = *state;
    int port;
    pid_t pid = unit_up(w, "", &port);
    run_done(w, "unit.stop", hal9_args_unit(UNIT, 30000));
    assert_false(is_running(pid));
    assert_false(listens(port));
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, "unit.stop", hal9_args_unit(UNIT, 30000), &res);
    assert_true(res.nothing);
    undo_newest(w);
    assert_int_equal(systemctl("is-active"), 0);
    undo_newest(w);
    assert_int_not_equal(systemctl("is-active"), 0);
    unit_down();
}

static void a_unit_that_restarts_stays_down_when_it_is_stopped(void **state) {
    need_systemd();
    struct world *w = *state;
    int port;
    unit_up(w, "Restart=always\nRestartSec=100ms\n", &port);
    run_done(w, "unit.stop", hal9_args_unit(UNIT, 30000));
    run_done(w, "port.settle", hal9_args_settle(HAL9_TCP, (uint16_t)port, 400, NULL));
    unit_down();
}

static void a_unit_that_nobody_knows_is_an_error(void **state) {
    need_systemd();
    struct world *w = *state;
    run_fails(w, "unit.stop", hal9_args_unit("hal9-test-nobody.service", 1000), HAL9_E_NOT_FOUND,
              "knows no unit");
}

/* By signals its unit would start it again; this is how portfix knows whom to ask. */
static void a_holder_is_its_units(void **state) {
    need_systemd();
    struct world *w = *state;
    struct hal9_proc p = {0};
    int port;
    pid_t pid = unit_up(w, "", &port);
    assert_ok(hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL));
    char *unit = hal9_holder_unit(&p, NULL);
    assert_string_equal(unit, UNIT);
    free(unit);
    hal9_proc_clear(&p);
    unit_down();
}

static void what_comes_back_is_told_with_its_unit(void **state) {
    need_systemd();
    struct world *w = *state;
    int port;
    pid_t pid = unit_up(w, "", &port);
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, "port.settle", hal9_args_settle(HAL9_TCP, (uint16_t)port, 1000, NULL), &res);
    _cleanup_free_ char *words =
        hal9_strf("taken again by layer9-server (pid %d, unit " UNIT ")", (int)pid);
    assert_says(res.error, words);
    assert_string_equal(res.error.hint, "stop its unit: systemctl stop " UNIT);
    unit_down();
}

/* Our service runs the same program as somebody's unit: that one is not ours to stop, nor to be taken for ours. */
static void the_same_program_in_a_unit_is_not_ours(void **state) {
    need_systemd();
    struct world *w = *state;
    struct hal9_service_ref ref = {.name = hal9_strdup("web"),
                                   .identity.exe = program("layer9-server")};
    _cleanup_result_ struct hal9_op_result res = {0};
    int port;
    pid_t pid = unit_up(w, "", &port);
    run_step(w, "process.stop", hal9_args_stop_service(&ref, NULL), &res);
    assert_true(res.nothing);
    assert_true(is_running(pid));
    ref.identity.unit = hal9_strdup(UNIT); /* told so, it is */
    run_done(w, "process.stop", hal9_args_stop_service(&ref, NULL));
    assert_false(is_running(pid));
    hal9_service_ref_clear(&ref);
    unit_down();
}

/* ---- a service of ours lives in a scope */

static void a_service_outlives_its_session_in_a_scope(void **state) {
    need_systemd();
    struct world *w = *state;
    struct hal9_run_spec run = {0};
    struct hal9_proc p = {0};
    struct hal9_service_ref ref = {.name = hal9_strdup("web"),
                                   .identity.exe = program("hal9-server")};
    struct hal9_service_ref known = {0};
    hal9_strv_take(&run.exec, program("hal9-server"));
    hal9_strv_add(&run.exec, "--port");
    hal9_strv_add(&run.exec, "0");
    run_done(w, "process.start", hal9_args_start_service(&ref, &run));
    assert_ok(hal9_service_ref_load(w->s, "web", NULL, NULL, &known, NULL));
    assert_true(hal9_startswith(known.place, "web-")); /* this state directory's own */
    _cleanup_free_ char *cgroup = hal9_strf("/system.slice/hal9-%s.scope", known.place);
    assert_ok(hal9_proc_read(known.recorded.pid, HAL9_PROC_ALL, &p, NULL));
    assert_string_equal(p.cgroup, cgroup);
    assert_int_equal(hal9_service_is(&known, &p), HAL9_SERVICE_BY_PLACE);
    assert_null(hal9_holder_unit(&p, NULL)); /* a scope is never stopped as a unit */
    hal9_proc_clear(&p);
    run_done(w, "process.stop", hal9_args_stop_service(&known, NULL));
    assert_int_equal(copies("hal9-server", NULL), 0);
    hal9_service_ref_clear(&known);
    hal9_service_ref_clear(&ref);
    hal9_schema_clear(&hal9_run_schema, &run);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, workload_setup, workload_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_unit_is_stopped_and_undo_starts_it),
        TEST(a_unit_that_restarts_stays_down_when_it_is_stopped),
        TEST(a_unit_that_nobody_knows_is_an_error),
        TEST(a_holder_is_its_units),
        TEST(what_comes_back_is_told_with_its_unit),
        TEST(the_same_program_in_a_unit_is_not_ours),
        TEST(a_service_outlives_its_session_in_a_scope),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
