/* What hal9-restart plans: the chain of a service, the order of several, what is refused before. */
#include "store-temp.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "hal9ops/net.h"
#include "restart-internal.h"

struct site {
    char dir[64];
    struct hal9_config *config;
    struct hal9_restart restart;
    struct hal9_plan plan;
    struct hal9_error err;
};

static int setup(void **state) {
    struct site *s = hal9_alloc(sizeof(*s));
    snprintf(s->dir, sizeof(s->dir), "/tmp/hal9-restart.XXXXXX");
    s->restart.gate = true;
    s->restart.deadline_ms = s->restart.cancel_fd = -1;
    *state = s;
    return mkdtemp(s->dir) ? 0 : -1;
}

static int teardown(void **state) {
    struct site *s = *state;
    hal9_plan_clear(&s->plan);
    hal9_strv_free(&s->restart.services);
    hal9_config_free(s->config);
    hal9_error_clear(&s->err);
    temp_remove(s->dir);
    free(s);
    return 0;
}

/* Nobody has it now. */
static unsigned free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

/* A configuration of these services; text is what stands below `services:`. */
static void load(struct site *s, const char *text) {
    struct hal9_errors errors = {0};
    _cleanup_free_ char *path = hal9_path_join(s->dir, "hal9.yaml");
    _cleanup_free_ char *all = hal9_strf("hal9: 1\nservices:\n%s", text);
    assert_ok(hal9_file_write(path, all, strlen(all), 0600, NULL));
    if (hal9_config_load(path, &s->config, &errors) != HAL9_OK)
        fail_msg("line %u: %s", errors.v[0].line, errors.v[0].message);
    s->restart.config = s->config;
}

/* Plans the restart of these, separated by blanks. */
static hal9_status plan(struct site *s, const char *names) {
    _cleanup_free_ char *copy = hal9_strdup(names);
    char *rest = NULL;
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        hal9_strv_add(&s->restart.services, name);
    return hal9_restart_plan(&s->restart, &s->plan, &s->err);
}

/* "NAME KIND after A,B" of each step, a line each. */
static void assert_steps(const struct site *s, const char *wanted) {
    _cleanup_buf_ struct hal9_buf all = {0};
    for (size_t i = 0; i < s->plan.n; i++) {
        _cleanup_free_ char *after = hal9_strv_join(&s->plan.steps[i]->after, ",");
        hal9_buf_printf(&all, "%s %s %s\n", s->plan.steps[i]->name, s->plan.steps[i]->kind, after);
    }
    assert_string_equal(all.data ? all.data : "", wanted);
}

/* A program that is there, told apart by a name that no process has. */
#define DOWN "    run: {exec: [/bin/sh]}\n    identity: {exe: /nonexistent/hal9}\n"
#define CHECKED "    checks: [{tcp: \"127.0.0.1:1\"}]\n"

static void which_verdicts_are_acted_on(void **state) {
    (void)state;
    assert_true(hal9_restart_acts_on("failing", "not_running"));
    assert_true(hal9_restart_acts_on("failing", "check_failed"));
    assert_true(hal9_restart_acts_on("failing", "port_conflict"));
    assert_false(hal9_restart_acts_on("degraded", "check_failed"));
    assert_false(hal9_restart_acts_on("degraded", "resource"));
    assert_false(hal9_restart_acts_on("failing", "resource"));
    assert_false(hal9_restart_acts_on("failing", "dependency"));
    assert_false(hal9_restart_acts_on("failing", "wrong_owner"));
    assert_false(hal9_restart_acts_on("unknown", "not_running"));
    assert_false(hal9_restart_acts_on("held", NULL));
    assert_false(hal9_restart_acts_on(NULL, NULL));
}

static void one_that_is_down(void **state) {
    struct site *s = *state;
    unsigned one = free_port(), two = free_port();
    _cleanup_free_ char *text =
        hal9_strf("  web:\n    ports: [%u, %u]\n    preflight: [/bin/true]\n" DOWN, one, two);
    load(s, text);
    assert_ok(plan(s, "web"));
    _cleanup_free_ char *wanted = hal9_strf("web/preflight exec.preflight \n"
                                            "web/port-%u port.prove web/preflight\n"
                                            "web/port-%u port.prove web/port-%u\n"
                                            "web/start process.start web/port-%u\n"
                                            "web/gate health.gate web/start\n",
                                            one, two, one, two);
    assert_steps(s, wanted);
    assert_string_equal(s->plan.title, "start web");
    assert_string_equal(s->plan.service, "web");
    const struct hal9_step *gate = hal9_plan_find(&s->plan, "web/gate");
    assert_string_equal(hal9_json_str(gate->args, "watch_pid"), "web/start");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(gate->args, "checks")), 2);
    assert_int_equal(hal9_json_int(gate->args, "within_ms", 0), 60000);
    assert_false(hal9_plan_find(&s->plan, "web/start")->keep_going);
}

/* The end of the time stops the operation at a safe place; it is no proof that the service is ill. */
static void a_time_for_the_whole_is_not_the_gates(void **state) {
    struct site *s = *state;
    load(s, "  web:\n" DOWN CHECKED);
    s->restart.deadline_ms = hal9_mono_ms() + 5000;
    assert_ok(plan(s, "web"));
    const struct hal9_step *gate = hal9_plan_find(&s->plan, "web/gate");
    assert_int_equal(hal9_json_int(gate->args, "within_ms", 0), 60000);
}

static void make_release(struct site *s, const char *name) {
    _cleanup_free_ char *dir = hal9_strf("%s/%s", s->dir, name);
    assert_int_equal(mkdir(dir, 0700), 0);
}

static void point_to(struct site *s, const char *link, const char *name) {
    (void)s;
    unlink(link);
    assert_int_equal(symlink(name, link), 0);
}

/* The way back is in the plan, for a failure of the start or the gate alone. */
static void a_release_that_was_never_healthy_has_a_way_back(void **state) {
    struct site *s = *state;
    _cleanup_free_ char *link = hal9_path_join(s->dir, "current");
    _cleanup_free_ char *dir = hal9_path_join(s->dir, "state");
    _cleanup_free_ char *text =
        hal9_strf("  web:\n" DOWN CHECKED "    release: {current: %s}\n", link);
    load(s, text);
    assert_ok(hal9_state_open(dir, HAL9_STATE_WRITE, false, &s->restart.state, NULL));
    make_release(s, "1");
    make_release(s, "2");
    point_to(s, link, "1");
    assert_ok(hal9_proofs_add(s->restart.state, "web", link, "1", NULL));
    assert_ok(plan(s, "web"));
    assert_steps(s,
                 "web/start process.start \nweb/gate health.gate web/start\n"); /* it was healthy */
    hal9_plan_clear(&s->plan);
    point_to(s, link, "2");
    assert_ok(hal9_restart_plan(&s->restart, &s->plan, &s->err));
    assert_steps(s, "web/start process.start \nweb/gate health.gate web/start\n"
                    "web/revert-release release.switch web/gate\n"
                    "web/revert-stop process.stop web/revert-release\n"
                    "web/revert-start process.start web/revert-stop\n"
                    "web/revert-gate health.gate web/revert-start\n");
    for (size_t i = 2; i < s->plan.n; i++) {
        assert_string_equal(s->plan.steps[i]->when_failed, "web/gate");
        assert_string_equal(s->plan.steps[i]->or_failed, "web/start");
    }
    const struct hal9_step *stop = hal9_plan_find(&s->plan, "web/revert-stop");
    assert_true(stop->keep_going);
    assert_string_equal(hal9_json_str(stop->args, "started_by"), "web/start");
    const cJSON *args = hal9_plan_find(&s->plan, "web/revert-gate")->args;
    assert_string_equal(hal9_json_str(cJSON_GetObjectItemCaseSensitive(args, "proven"), "target"),
                        "1");
    assert_string_equal(hal9_json_str(args, "watch_pid"), "web/revert-start");
    hal9_state_close(s->restart.state);
}

static void without_a_gate_or_anything_to_prove(void **state) {
    struct site *s = *state;
    load(s, "  web:\n" DOWN CHECKED "  app:\n    depends: [web]\n" DOWN
            "    checks: [{memory: {available: 0%}}]\n");
    s->restart.gate = false;
    assert_ok(plan(s, "app web"));
    assert_steps(s, "web/start process.start \napp/start process.start web/start\n");
    assert_null(s->plan.service);
    hal9_plan_clear(&s->plan);
    s->restart.gate = true;
    assert_ok(hal9_restart_plan(&s->restart, &s->plan, &s->err));
    assert_steps(s, "web/start process.start \nweb/gate health.gate web/start\n"
                    "app/start process.start web/gate\n");
    assert_string_equal(s->plan.title, "start web, app");
}

static void order_of_dependencies(void **state) {
    struct site *s = *state;
    load(s,
         "  app:\n    depends: [mid, log]\n" DOWN CHECKED "  mid:\n    depends: [db]\n" DOWN CHECKED
         "  log:\n" DOWN CHECKED "  db:\n" DOWN CHECKED "  other:\n" DOWN CHECKED);
    s->restart.ignore_depends = true;
    assert_ok(plan(s, "other app db log"));
    assert_string_equal(s->plan.title, "start db, log, app, other");
    const struct hal9_step *app = hal9_plan_find(&s->plan, "app/start");
    assert_int_equal(app->after.n, 2);
    assert_true(hal9_strv_has(&app->after, "db/gate")); /* past mid, which is left alone */
    assert_true(hal9_strv_has(&app->after, "log/gate"));
    assert_int_equal(hal9_plan_find(&s->plan, "other/start")->after.n, 0);
    assert_int_equal(hal9_plan_find(&s->plan, "db/start")->after.n, 0);
}

/* As it would be where the unit is there and runs. */
static void a_unit_is_stopped_and_started_by_its_supervisor(void **state) {
    struct site *s = *state;
    load(s, "  web:\n    port: 1\n    run: {systemd: hal9-no-such.service}\n" CHECKED);
    struct hal9_restart_finding web = {.service = hal9_config_service(s->config, "web"),
                                       .running = true};
    struct hal9_restart_findings f = {.v = &web, .n = 1};
    assert_ok(hal9_restart_plan_from(&s->restart, &f, &s->plan, &s->err));
    assert_steps(s, "web/bundle logs.bundle \nweb/stop unit.stop web/bundle\n"
                    "web/port-1 port.prove web/stop\n"
                    "web/start unit.start web/port-1\nweb/gate health.gate web/start\n");
    assert_true(s->plan.steps[1]->keep_going && s->plan.steps[2]->keep_going);
    assert_false(s->plan.steps[0]->keep_going);
    assert_false(s->plan.steps[3]->keep_going);
    assert_string_equal(s->plan.title, "restart web");
    assert_string_equal(hal9_json_str(s->plan.steps[1]->args, "unit"), "hal9-no-such.service");
    assert_string_equal(hal9_json_str(s->plan.steps[0]->args, "journal"), "hal9-no-such.service");
    hal9_plan_clear(&s->plan);
    web.socket_unit = true;
    assert_ok(hal9_restart_plan_from(&s->restart, &f, &s->plan, &s->err));
    assert_null(hal9_plan_find(&s->plan, "web/port-1"));
}

/* What is saved before it is stopped, and that nothing fails by it. Secrets are told by reference alone. */
static void its_logs_are_saved_first(void **state) {
    struct site *s = *state;
    load(s,
         "  web:\n    preflight: [/bin/true]\n"
         "    run: {exec: [/bin/sh, --token, hunter22], env: {API_KEY: \"env:NO_SUCH\"}}\n"
         "    identity: {exe: /nonexistent/hal9}\n" CHECKED
         "    logs: {files: [/var/log/a*.log, /b], journal: web.service, max: 1Mi, within: 3s}\n");
    assert_ok(plan(s, "web"));
    assert_steps(s, "web/preflight exec.preflight \nweb/bundle logs.bundle web/preflight\n"
                    "web/start process.start web/bundle\nweb/gate health.gate web/start\n");
    const struct hal9_step *bundle = hal9_plan_find(&s->plan, "web/bundle");
    assert_int_equal(bundle->on_fail, HAL9_FAIL_WARN);
    _cleanup_free_ char *args = hal9_json_text(bundle->args);
    assert_non_null(strstr(args,
                           "\"files\":[\"/var/log/a*.log\",\"/b\"],\"journal\":\"web.service\","
                           "\"last_ms\":900000,\"max\":\"1048576\",\"within_ms\":3000"));
    assert_non_null(strstr(args, "\"secrets\":[\"env:NO_SUCH\"]"));
    assert_non_null(strstr(args, "\"--token\",\"***\""));
    assert_null(strstr(args, "hunter22"));
    hal9_plan_clear(&s->plan);
    s->restart.no_bundle = true;
    assert_ok(hal9_restart_plan(&s->restart, &s->plan, &s->err));
    assert_null(hal9_plan_find(&s->plan, "web/bundle"));
}

/* What runs behind a balancer has to be drained: not known, so not touched. What is down needs none. */
static void what_can_not_be_drained_is_not_stopped(void **state) {
    struct site *s = *state;
    load(s, "  web:\n" DOWN "    drain: {balancer: edge}\n"
            "balancers:\n  edge: {haproxy: [unix:/nonexistent/x.sock]}\n");
    struct hal9_restart_finding web = {.service = hal9_config_service(s->config, "web")};
    assert_ok(hal9_restart_drain(&s->restart, &web, &s->err));
    assert_null(web.drain);
    web.running = true;
    assert_int_equal(hal9_restart_drain(&s->restart, &web, &s->err), HAL9_E_UNKNOWN);
    assert_says(s->err, "web: drain: haproxy at unix:/nonexistent/x.sock can't be reached");
    assert_null(web.drain);
}

/* The error, its place and hint. */
static void assert_refused(struct site *s, const char *names, hal9_status code, unsigned line,
                           const char *words) {
    assert_int_equal(plan(s, names), code);
    assert_says(s->err, words);
    assert_int_equal(s->err.line, line);
    assert_int_equal(s->plan.n, 0);
    hal9_strv_free(&s->restart.services);
    hal9_error_clear(&s->err);
}

static void what_is_refused(void **state) {
    struct site *s = *state;
    load(s,
         "  box: {run: {container: web}}\n"               /* line 3 */
         "  pods: {run: {kubernetes: shop/web}}\n"        /* 4 */
         "  theirs: {checks: [{tcp: \"127.0.0.1:1\"}]}\n" /* 5 */
         "  gone: {run: {exec: [/nonexistent/hal9]}}\n"   /* 6 */
         "  folder: {run: {exec: [/bin]}}\n"
         "  file: {run: {exec: [/etc/passwd]}}\n"
         "  relative: {run: {exec: [./sh], cwd: /bin}, identity: {exe: /nonexistent/hal9}}\n"
         "  nowhere: {run: {exec: [/bin/sh], cwd: /nonexistent}, identity: {exe: /nonexistent/a}}\n"
         "  nobodys: {run: {exec: [/bin/sh], user: no-such-user}, identity: {exe: "
         "/nonexistent/b}}\n" /* 11 */

         "  unit: {run: {systemd: hal9-no-such.service}}\n");
    assert_refused(s, "box", HAL9_E_UNSUPPORTED, 3, "box: run.container: ");
    assert_refused(s, "pods", HAL9_E_UNSUPPORTED, 4, "pods: run.kubernetes: ");
    assert_refused(s, "theirs", HAL9_E_CONFIG, 5, "theirs: run: nothing tells how it is started");
    assert_refused(s, "gone", HAL9_E_REFUSED, 6,
                   "gone: run.exec: /nonexistent/hal9 does not exist");
    assert_refused(s, "folder", HAL9_E_REFUSED, 7, "folder: run.exec: ");
    assert_refused(s, "file", HAL9_E_REFUSED, 8, "/etc/passwd is not executable");
    assert_refused(s, "nowhere", HAL9_E_REFUSED, 10, "nowhere: run.cwd: /nonexistent");
    assert_refused(s, "nobodys", HAL9_E_REFUSED, 11, "nobodys: run.user: ");
    assert_refused(s, "unit", hal9_systemd_running() ? HAL9_E_REFUSED : HAL9_E_UNSUPPORTED, 12,
                   "unit: run.systemd: ");
    assert_refused(s, "relativ", HAL9_E_USAGE, 0, "did you mean 'relative'?");
    assert_refused(s, "relative gone", HAL9_E_REFUSED, 6, "gone: ");
    assert_ok(plan(s, "relative"));
    hal9_plan_clear(&s->plan);
    s->restart.leave_refused = true;
    assert_ok(plan(s, "gone box"));
    assert_steps(s, "relative/start process.start \n");
}

static void a_dependency_that_is_down_blocks(void **state) {
    struct site *s = *state;
    load(s, "  app:\n    depends: [db]\n" DOWN CHECKED "  db:\n" DOWN CHECKED);
    assert_refused(s, "app", HAL9_E_REFUSED, 0,
                   "blocked: db, which app depends on, is not healthy: ");
    s->restart.ignore_depends = true;
    assert_ok(plan(s, "app"));
}

static void a_listener_of_ours_is_a_stranger_to_the_service(void **state) {
    struct site *s = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    _cleanup_free_ char *text = hal9_strf("  web:\n    port: %u\n" DOWN, ntohs(a.sin_port));
    load(s, text);
    _cleanup_free_ char *words =
        hal9_strf("%u/tcp is held by test-restart-plan (pid %d)", ntohs(a.sin_port), (int)getpid());
    assert_refused(s, "web", HAL9_E_REFUSED, 0, words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_verdicts_are_acted_on),
        cmocka_unit_test_setup_teardown(one_that_is_down, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_for_the_whole_is_not_the_gates, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_that_was_never_healthy_has_a_way_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_gate_or_anything_to_prove, setup, teardown),
        cmocka_unit_test_setup_teardown(order_of_dependencies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unit_is_stopped_and_started_by_its_supervisor, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(its_logs_are_saved_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_can_not_be_drained_is_not_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dependency_that_is_down_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listener_of_ours_is_a_stranger_to_the_service, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
