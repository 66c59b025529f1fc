/* port.prove, port.settle and exec.preflight: proofs that change nothing. */
#include "workload-world.h"

#define PROVE "port.prove"
#define SETTLE "port.settle"
#define PREFLIGHT "exec.preflight"

/* A socket bound to a free port of 127.0.0.1, without SO_REUSEADDR. */
static int bound(int type, int *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int free_port(void) {
    int port;
    close(bound(SOCK_STREAM, &port));
    return port;
}

static cJSON *prove(int port, int64_t within_ms) {
    return hal9_args_prove(HAL9_TCP, (uint16_t)port, within_ms);
}

static cJSON *settle(int port, int64_t settle_ms, const struct hal9_service_ref *owner) {
    return hal9_args_settle(HAL9_TCP, (uint16_t)port, settle_ms, owner);
}

/* What the step's after says was found. */
static void assert_answer(struct world *w, const char *answer) {
    char id[HAL9_ID_LEN + 1];
    struct hal9_op o = {0};
    newest(w, id);
    assert_ok(hal9_op_load(w->s, id, &o, NULL));
    const cJSON *seen = cJSON_GetObjectItem(o.steps[0].after, "observed");
    assert_string_equal(hal9_json_str(seen, "answer"), answer);
    hal9_op_clear(&o);
}

static void a_free_port_is_proven(void **state) {
    struct world *w = *state;
    run_done(w, PROVE, prove(free_port(), 0));
    assert_answer(w, "free");
}

static void *close_soon(void *data) {
    hal9_wait_fd(-1, hal9_mono_ms() + 200, -1, NULL);
    close(*(int *)data);
    return NULL;
}

static void a_listener_that_goes_is_waited_for(void **state) {
    struct world *w = *state;
    pthread_t closer;
    int port;
    int fd = bound(SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(pthread_create(&closer, NULL, close_soon, &fd), 0);
    run_done(w, PROVE, prove(port, 10000));
    pthread_join(closer, NULL);
    assert_told(w, "step: waiting for ");
}

static void who_still_has_it_is_told(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--port=0");
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, PROVE, prove(s.port, 100), &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_says(res.error, "/tcp is still held by layer9-server (pid ");
    assert_string_equal(hal9_json_str(res.detail, "answer"), "other");
    const cJSON *by = cJSON_GetObjectItem(res.detail, "by");
    assert_int_equal(hal9_json_int(by, "pid", 0), s.pid);
}

static void a_port_set_free_and_taken_again_fails_at_once(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--port=0");
    _cleanup_result_ struct hal9_op_result res = {0};
    cJSON *args = prove(s.port, 60000);
    cJSON_AddTrueToObject(args, "freed");
    int64_t start = hal9_mono_ms();
    run_step(w, PROVE, args, &res);
    assert_true(hal9_mono_ms() - start < 30000);
    assert_string_equal(hal9_json_str(res.detail, "answer"), "respawned");
    assert_says(res.error, "was taken again by layer9-server (pid ");
}

/* The side that closes first keeps the address for a minute. */
static void old_connections_are_no_obstacle(void **state) {
    struct world *w = *state;
    int port;
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    port = ntohs(a.sin_port);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, len), 0);
    close(accept(listener, NULL, NULL));
    char byte;
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    close(listener);
    run_done(w, PROVE, prove(port, 1000));
    assert_answer(w, "time_wait");
}

/* Bound, not listening, and not willing to share. */
static void what_blocks_without_listening_is_told(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    int port;
    int fd = bound(SOCK_STREAM, &port);
    run_step(w, PROVE, prove(port, 50), &res);
    close(fd);
    assert_int_equal(res.error.code, HAL9_E_FAILED);
    assert_says(res.error, "nobody listens on ");
    assert_string_equal(hal9_json_str(res.detail, "answer"), "blocked");
}

static void udp_has_ports_of_its_own(void **state) {
    struct world *w = *state;
    int port;
    int fd = bound(SOCK_DGRAM, &port);
    run_fails(w, PROVE, hal9_args_prove(HAL9_UDP, (uint16_t)port, 20), HAL9_E_FAILED,
              "/udp is still held by test-workload-port (pid ");
    close(fd);
}

/* ---- settle */

static void nobody_comes(void **state) {
    struct world *w = *state;
    int64_t start = hal9_mono_ms();
    run_done(w, SETTLE, settle(free_port(), 120, NULL));
    assert_true(hal9_mono_ms() - start >= 120);
    assert_told(w, "for a second thief");
}

static void a_thief_that_comes_back_is_told(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--respawn", "--respawn-delay", "150");
    _cleanup_result_ struct hal9_op_result res = {0};
    assert_true(s.pid != s.listener); /* our child is the watcher */
    kill(s.listener, SIGKILL);
    eventually(!listens(s.port));
    run_step(w, SETTLE, settle(s.port, 20000, NULL), &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    assert_int_equal(res.error.code, HAL9_E_FAILED);
    _cleanup_free_ char *starter = hal9_strf("started by layer9-server, pid %d)", (int)s.pid);
    assert_says(res.error, starter);
    assert_says(res.error, "/tcp was taken again by layer9-server (pid ");
    _cleanup_free_ char *hint = hal9_strf("layer9-server (pid %d)", (int)s.pid);
    assert_non_null(strstr(res.error.hint, hint));
    assert_string_equal(hal9_json_str(res.detail, "answer"), "respawned");
    const cJSON *by = cJSON_GetObjectItem(res.detail, "by");
    assert_string_equal(hal9_json_str(by, "name"), "layer9-server");
    assert_int_equal(hal9_json_int(cJSON_GetObjectItem(by, "parent"), "pid", 0), s.pid);
    assert_true(hal9_json_int(res.detail, "after_ms", -1) >= 0);
}

static void its_owner_may_come(void **state) {
    struct world *w = *state;
    struct hal9_service_ref ref = {.name = hal9_strdup("web"),
                                   .identity.exe = program("hal9-server")};
    struct server s = server_start("hal9-server", "--port=0");
    run_done(w, SETTLE, settle(s.port, 60, &ref));
    run_fails(w, SETTLE, settle(s.port, 60, NULL), HAL9_E_FAILED, "taken again by hal9-server");
    hal9_service_ref_clear(&ref);
}

/* ---- preflight */

static cJSON *preflight(const char *argument, int64_t timeout_ms, const char *user) {
    struct hal9_run_spec run = {.user = hal9_strdup(user)};
    _cleanup_strv_ struct hal9_strv argv = {0};
    hal9_strv_take(&argv, program("hal9-server"));
    hal9_strv_add(&argv, "--check-config");
    hal9_strv_add(&argv, argument);
    cJSON *args = hal9_args_preflight(&argv, &run, timeout_ms);
    free(run.user);
    return args;
}

static void a_good_configuration_passes(void **state) {
    run_done(*state, PREFLIGHT, preflight(NULL, 10000, NULL));
    if (geteuid() == 0)
        run_done(*state, PREFLIGHT, preflight(NULL, 10000, "nobody"));
}

static void a_bad_one_is_told_in_its_words(void **state) {
    struct world *w = *state;
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, PREFLIGHT, preflight("--bad-config", 10000, NULL), &res);
    assert_int_equal(res.error.code, HAL9_E_FAILED);
    assert_says(res.error,
                "preflight failed (exit 1): hal9-server: hal9.conf:12: unknown directive");
    assert_int_equal(hal9_json_int(res.detail, "exit", 0), 1);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(res.detail, "output")), 1);
}

static void one_that_hangs_is_ended(void **state) {
    struct world *w = *state;
    _cleanup_strv_ struct hal9_strv argv = {0};
    hal9_strv_add(&argv, "sleep");
    hal9_strv_add(&argv, "100");
    run_fails(w, PREFLIGHT, hal9_args_preflight(&argv, NULL, 50), HAL9_E_TIMEOUT, "sleep");
}

static void a_missing_one_is_told(void **state) {
    struct world *w = *state;
    _cleanup_strv_ struct hal9_strv argv = {0};
    hal9_strv_add(&argv, "/no/such/check");
    run_fails(w, PREFLIGHT, hal9_args_preflight(&argv, NULL, 50), HAL9_E_NOT_FOUND,
              "preflight /no/such/check does not exist");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, workload_setup, workload_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_free_port_is_proven),           TEST(a_listener_that_goes_is_waited_for),
        TEST(who_still_has_it_is_told),        TEST(a_port_set_free_and_taken_again_fails_at_once),
        TEST(old_connections_are_no_obstacle), TEST(what_blocks_without_listening_is_told),
        TEST(udp_has_ports_of_its_own),        TEST(nobody_comes),
        TEST(a_thief_that_comes_back_is_told), TEST(its_owner_may_come),
        TEST(a_good_configuration_passes),     TEST(a_bad_one_is_told_in_its_words),
        TEST(one_that_hangs_is_ended),         TEST(a_missing_one_is_told),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
