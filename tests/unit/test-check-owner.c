/* The owner check: who listens, and whether that is the service. */
#include "service.h"

static struct hal9_check_result ask(int port, const struct hal9_service_ref *ref) {
    return check_run(check_makef("owner: %d", port), ref);
}

static struct fixture start_at(const char *name, int port, const char *address) {
    char text[16];
    snprintf(text, sizeof(text), "%d", port);
    return fixture_start(name, (const char *[]){"--port", text, "--address", address, NULL});
}

static struct hal9_proc_id id_of(pid_t pid) {
    struct hal9_proc p = {0};
    assert_ok(hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL));
    struct hal9_proc_id id = p.id;
    hal9_proc_clear(&p);
    return id;
}

static void the_service_has_its_port(void **state) {
    (void)state;
    struct fixture f = start_at("hal9-server", 0, "127.0.0.1");
    struct hal9_service_ref ref = service_of("hal9-server");
    char words[64];
    struct hal9_check_result r = ask(f.port, &ref);
    snprintf(words, sizeof(words), "hal9-server (pid %d) listens on 127.0.0.1:%d",
             (int)f.server_pid, f.port);
    assert_result(r, HAL9_CHECK_PASS, NULL, words);
    assert_int_equal(hal9_json_int(r.evidence, "pid", 0), f.server_pid);
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&f);
}

static void another_program_is_a_conflict(void **state) {
    (void)state;
    struct fixture f = start_at("layer9-server", 0, "::");
    struct hal9_service_ref ref = service_of("hal9-server");
    char words[96];
    struct hal9_check_result r = ask(f.port, &ref);
    snprintf(words, sizeof(words), "port %d is held by layer9-server (pid %d), not hal9-server",
             f.port, (int)f.server_pid);
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", words);
    assert_string_equal(hal9_json_str(r.evidence, "name"), "layer9-server");
    assert_non_null(hal9_json_str(r.evidence, "started"));
    assert_non_null(hal9_json_str(r.evidence, "user"));
    assert_non_null(hal9_json_str(r.evidence, "exe"));
    assert_non_null(strchr(hal9_json_str(r.evidence, "address"), ':'));
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&f);
}

static void one_address_of_another_is_a_conflict(void **state) {
    (void)state;
    struct fixture own = start_at("hal9-server", 0, "127.0.0.1");
    struct fixture thief = start_at("layer9-server", own.port, "::1");
    struct hal9_service_ref ref = service_of("hal9-server");
    char words[128];
    struct hal9_check_result r = ask(own.port, &ref);
    snprintf(words, sizeof(words),
             "[::1]:%d is held by layer9-server (pid %d), while hal9-server listens on "
             "127.0.0.1:%d only",
             own.port, (int)thief.server_pid, own.port);
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", words);
    hal9_check_result_clear(&r);
    /* A connection to the service's own address is answered by the service. */
    r = check_run(check_makef("http: http://127.0.0.1:%d/health", own.port), &ref);
    assert_result(r, HAL9_CHECK_PASS, NULL, "200");
    hal9_check_result_clear(&r);
    r = check_run(check_makef("http: 'http://[::1]:%d/health'", own.port), &ref);
    assert_result(r, HAL9_CHECK_FAIL, "port_conflict", "its listener is layer9-server");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&thief);
    fixture_stop(&own);
}

static void nobody_listens(void **state) {
    (void)state;
    struct hal9_service_ref ghost = {.name = hal9_strdup("ghost"),
                                     .identity = {.exe = hal9_strdup("/nowhere/ghost")}};
    struct hal9_service_ref ref = service_of("hal9-server");
    struct fixture f = start_at("hal9-server", 0, "127.0.0.1");
    int port;
    int fd = closed_port(&port);
    char words[96];
    struct hal9_check_result r = ask(port, &ghost);
    snprintf(words, sizeof(words), "nothing listens on %d; ghost is not running", port);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", words);
    hal9_check_result_clear(&r);
    r = ask(port, &ref);
    assert_result(r, HAL9_CHECK_FAIL, "check_failed", "runs but does not listen on");
    hal9_check_result_clear(&r);
    r = ask(port, NULL);
    assert_result(r, HAL9_CHECK_FAIL, "not_running", "nothing listens on");
    hal9_check_result_clear(&r);
    close(fd);
    fixture_stop(&f);
    hal9_service_ref_clear(&ghost);
    hal9_service_ref_clear(&ref);
}

static void a_service_nobody_can_know_is_unknown(void **state) {
    (void)state;
    struct fixture f = start_at("hal9-server", 0, "127.0.0.1");
    struct hal9_service_ref ref = {.name = hal9_strdup("x")};
    struct hal9_check_result r = ask(f.port, &ref);
    assert_result(r, HAL9_CHECK_UNKNOWN, NULL, "give it run or identity");
    hal9_check_result_clear(&r);
    /* Without a service, that anybody listens is all that can be asked. */
    r = ask(f.port, NULL);
    assert_result(r, HAL9_CHECK_PASS, NULL, "hal9-server (pid ");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&f);
}

static void the_one_that_was_not_started_is_the_wrong_owner(void **state) {
    (void)state;
    struct fixture started = start_at("hal9-server", 0, "127.0.0.1");
    struct fixture other = start_at("hal9-server", 0, "127.0.0.1");
    struct hal9_service_ref ref = service_of("hal9-server");
    char words[64];
    ref.recorded = id_of(started.server_pid);
    struct hal9_check_result r = ask(started.port, &ref);
    assert_result(r, HAL9_CHECK_PASS, NULL, "listens on");
    hal9_check_result_clear(&r);
    r = ask(other.port, &ref);
    snprintf(words, sizeof(words), "the one that was started is pid %d", (int)started.server_pid);
    assert_result(r, HAL9_CHECK_FAIL, "wrong_owner", words);
    hal9_check_result_clear(&r);
    r = check_run(check_makef("http: http://127.0.0.1:%d/health", other.port), &ref);
    assert_result(r, HAL9_CHECK_FAIL, "wrong_owner", words);
    hal9_check_result_clear(&r);
    fixture_stop(&started);
    /* Once that one is gone, the other may be taken for it: somebody started it by hand. */
    r = ask(other.port, &ref);
    assert_result(r, HAL9_CHECK_PASS, NULL, "listens on");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    fixture_stop(&other);
}

static void forked_workers_share_a_port(void **state) {
    (void)state;
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--workers", "3", NULL});
    struct hal9_service_ref ref = service_of("hal9-server");
    ref.recorded = id_of(f.pid); /* the master: workers are its descendants */
    struct hal9_check_result r = ask(f.port, &ref);
    assert_result(r, HAL9_CHECK_PASS, NULL, "listens on");
    hal9_check_result_clear(&r);
    hal9_service_ref_clear(&ref);
    kill(f.pid, SIGTERM);
    waitpid(f.pid, NULL, 0);
}

/* Runs the check as nobody; returns its state, and its reason in words. */
static int ask_as_nobody(int port, const struct hal9_service_ref *ref, char *words, size_t size) {
    int fds[2], status = 0;
    assert_int_equal(pipe(fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct hal9_check_job job = {.check = check_makef("owner: %d", port), .service = ref};
        if (setgid(65534) != 0 || setuid(65534) != 0 || hal9_checks_run(&job, 1, -1, -1, NULL))
            _exit(99);
        dprintf(fds[1], "%s", job.result.reason);
        _exit((int)job.result.state);
    }
    close(fds[1]);
    const ssize_t n = read(fds[0], words, size - 1);
    words[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void a_hidden_listener_is_unknown(void **state) {
    (void)state;
    if (getuid() != 0)
        skip();
    struct fixture f = start_at("layer9-server", 0, "127.0.0.1");
    struct hal9_service_ref ref = service_of("hal9-server");
    char words[256];
    assert_int_equal(ask_as_nobody(f.port, &ref, words, sizeof(words)), HAL9_CHECK_UNKNOWN);
    assert_non_null(strstr(words, "is not visible to you (uid 65534); run as root"));
    hal9_service_ref_clear(&ref);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_has_its_port),
        cmocka_unit_test(another_program_is_a_conflict),
        cmocka_unit_test(one_address_of_another_is_a_conflict),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_service_nobody_can_know_is_unknown),
        cmocka_unit_test(the_one_that_was_not_started_is_the_wrong_owner),
        cmocka_unit_test(forked_workers_share_a_port),
        cmocka_unit_test(a_hidden_listener_is_unknown),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
