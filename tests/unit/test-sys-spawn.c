/* Starting processes: what they get, what goes wrong, the gate, timeouts. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "sys/fault.h"
#include "sys/spawn.h"

/* Builds without HAL9_TEST_HOOKS never fail on request. */
#ifdef HAL9_TEST_HOOKS
#define NEEDS_HOOKS()
#else
#define NEEDS_HOOKS() skip()
#endif

static char dir[] = "/tmp/hal9-spawn.XXXXXX";

static int set_up(void **state) {
    (void)state;
    return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(dir);
}

/* Runs a shell text; its output. */
static char *sh(struct hal9_spawn *s, const char *text) {
    const char *argv[] = {"sh", "-c", text, NULL};
    s->argv = argv;
    s->stdio[0] = -1;
    struct hal9_run_result r = {0};
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_run(s, 20000, -1, 1 << 20, &r, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_string_equal(r.err.data ? r.err.data : "", "");
    assert_int_equal(r.exit, 0);
    hal9_buf_free(&r.err);
    return hal9_buf_take(&r.out);
}

static void gives_output_and_exit(void **state) {
    (void)state;
    const char *argv[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 20000, -1, 100, &r, NULL));
    assert_int_equal(r.exit, 3);
    assert_string_equal(r.out.data, "out\n");
    assert_string_equal(r.err.data, "err\n");
    hal9_run_result_clear(&r);
    argv[2] = "kill -TERM $$";
    assert_ok(hal9_run(&s, 20000, -1, 100, &r, NULL));
    assert_int_equal(r.exit, 128 + SIGTERM);
    hal9_run_result_clear(&r);
}

static void caps_output(void **state) {
    (void)state;
    const char *argv[] = {"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo done >&2",
                          NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 20000, -1, 1000, &r, NULL));
    assert_int_equal(r.exit, 0);
    assert_int_equal(r.out.len, 1000);
    assert_string_equal(r.err.data, "done\n");
    hal9_run_result_clear(&r);
}

static void closes_descriptors_and_resets_signals(void **state) {
    (void)state;
    int leaked = open("/dev/null", O_RDONLY);
    int high = fcntl(leaked, F_DUPFD, 200);
    assert_true(high >= 200);
    signal(SIGPIPE, SIG_IGN);
    sigset_t mask;
    sigset_t before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, &before);
    struct hal9_spawn s = {0};
    _cleanup_free_ char *fds = sh(&s, "exec ls /proc/self/fd"); /* 3 is its own, of that folder */
    assert_string_equal(fds, "0\n1\n2\n3\n");
    _cleanup_free_ char *signals =
        sh(&s, "grep -E '^Sig(Blk|Ign):' /proc/self/status | tr -d '\\n'");
    assert_string_equal(signals, "SigBlk:\t0000000000000000SigIgn:\t0000000000000000");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    close(leaked);
    close(high);
}

/* Descriptors that stand where others are to go. */
static void swaps_stdio(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* 0, 1, 2 closed: what spawn opens itself lands there */
        int out = fcntl(ends[1], F_DUPFD_CLOEXEC, 100);
        close(0), close(1), close(2);
        const char *argv[] = {"sh", "-c", "cat; echo one; echo two >&2", NULL};
        struct hal9_spawn s = {.argv = argv, .stdio = {-1, out, out}};
        struct hal9_child c = HAL9_CHILD_INIT;
        int code = 99;
        if (hal9_spawn(&s, &c, NULL) != HAL9_OK ||
            hal9_child_wait(&c, -1, -1, &code, NULL) != HAL9_OK)
            _exit(98);
        _exit(code);
    }
    close(ends[1]);
    char text[32] = "";
    size_t len = 0;
    ssize_t n;
    while ((n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    assert_string_equal(text, "one\ntwo\n");
    close(ends[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void sets_place_umask_environment_limits_session(void **state) {
    (void)state;
    const char *envp[] = {"A=1", "PATH=/usr/bin:/bin", NULL};
    struct rlimit limits[RLIMIT_NLIMITS];
    for (int i = 0; i < RLIMIT_NLIMITS; i++)
        assert_int_equal(getrlimit((__rlimit_resource_t)i, &limits[i]), 0);
    limits[RLIMIT_NOFILE].rlim_cur = 77;
    struct hal9_spawn s = {.envp = envp,
                           .cwd = dir,
                           .set_umask = true,
                           .umask = 027,
                           .limits = limits,
                           .n_limits = RLIMIT_NLIMITS};
    _cleanup_free_ char *got = sh(&s, "pwd; umask; echo $A; ulimit -n; env | grep -c HOME || true");
    _cleanup_free_ char *want = hal9_strf("%s\n0027\n1\n77\n0\n", dir);
    assert_string_equal(got, want);
    struct hal9_spawn plain = {0};
    _cleanup_free_ char *session =
        sh(&plain, "set -- $(cat /proc/$$/stat); [ $1 = $6 ] && echo leader");
    assert_string_equal(session, "leader\n");
}

static void changes_user(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    gid_t groups[] = {4, 20};
    struct hal9_spawn s = {
        .set_user = true, .uid = 65534, .gid = 65533, .groups = groups, .n_groups = 2};
    _cleanup_free_ char *got =
        sh(&s, "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\t\\n' ' '");
    assert_string_equal(got,
                        "Uid: 65534 65534 65534 65534 Gid: 65533 65533 65533 65533 Groups: 4 20 ");
}

/* As a user who may not change to another. */
static void tells_why_a_user_could_not_be_had(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            _exit(90);
        const char *argv[] = {"/bin/true", NULL};
        struct hal9_spawn s = {
            .argv = argv, .stdio = {-1, -1, -1}, .set_user = true, .uid = 0, .gid = 0};
        struct hal9_child c = HAL9_CHILD_INIT;
        struct hal9_error err = {0};
        hal9_status status = hal9_spawn(&s, &c, &err);
        bool told = status == HAL9_E_PERM &&
                    strstr(err.message, "cannot change to the groups of user root");
        hal9_error_clear(&err);
        s.uid = 65534; /* already so: nothing to change */
        s.gid = 65534;
        int code = 1;
        bool ran = hal9_spawn(&s, &c, NULL) == HAL9_OK &&
                   hal9_child_wait(&c, -1, -1, &code, NULL) == HAL9_OK && code == 0;
        hal9_child_clear(&c);
        _exit(told && ran ? 0 : 91);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void write_file(const char *path, const char *text, mode_t mode) {
    assert_ok(hal9_file_write(path, text, strlen(text), mode, NULL));
}

static void tells_why_it_could_not_run(void **state) {
    (void)state;
    _cleanup_free_ char *plain = hal9_path_join(dir, "plain");
    _cleanup_free_ char *loose = hal9_path_join(dir, "loose");
    write_file(plain, "echo no first line\n", 0755);
    write_file(loose, "#!/nowhere/interpreter\n", 0755);
    const char *argv[] = {"/opt/x/nothing", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_NOT_FOUND);
    assert_string_equal(err.message, "cannot run /opt/x/nothing: No such file or directory");
    assert_int_equal(c.fd, -1);
    argv[0] = "hal9-no-such-program";
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_NOT_FOUND);
    argv[0] = dir;
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_PERM);
    argv[0] = plain;
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_IO);
    assert_int_equal(err.errnum, ENOEXEC);
    assert_non_null(err.hint);
    argv[0] = loose;
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "interpreter"));
    argv[0] = "/bin/true";
    s.cwd = "/nowhere/at/all";
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "cannot enter directory /nowhere/at/all");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left behind */
    unlink(plain);
    unlink(loose);
}

static void tells_that_it_could_not_fork(void **state) {
    (void)state;
    NEEDS_HOOKS();
    const char *argv[] = {"/bin/true", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_fault_setup("fork:1:EAGAIN");
    assert_int_equal(hal9_spawn(&s, &c, &err), HAL9_E_IO);
    hal9_fault_setup(NULL);
    assert_says(err, "cannot start /bin/true");
}

static void looks_in_path_of_the_environment(void **state) {
    (void)state;
    _cleanup_free_ char *tool = hal9_path_join(dir, "hal9-test-tool");
    _cleanup_free_ char *path = hal9_strf("PATH=/nowhere:%s", dir);
    write_file(tool, "#!/bin/sh\necho found $0 as $1\n", 0755);
    const char *argv[] = {"hal9-test-tool", "x", NULL};
    const char *envp[] = {path, NULL};
    struct hal9_spawn s = {.argv = argv, .envp = envp, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 20000, -1, 1000, &r, NULL));
    assert_non_null(strstr(r.out.data, " as x"));
    hal9_run_result_clear(&r);
    s.exe = tool; /* argv[0] may be anything then */
    argv[0] = "whatever";
    assert_ok(hal9_run(&s, 20000, -1, 1000, &r, NULL));
    assert_non_null(strstr(r.out.data, " as x"));
    hal9_run_result_clear(&r);
    unlink(tool);
}

static void gate_opens(void **state) {
    (void)state;
    _cleanup_free_ char *mark = hal9_path_join(dir, "mark");
    const char *argv[] = {"touch", mark, NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}, .gated = true, .new_session = true};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    assert_int_equal(hal9_proc_alive(&c.id), HAL9_ALIVE);
    assert_true(c.id.start > 0 && c.id.pidns > 0 && c.id.boot_id[0]);
    assert_int_equal(hal9_wait_fd(c.fd, hal9_mono_ms() + 50, -1, NULL), HAL9_E_TIMEOUT);
    assert_int_not_equal(access(mark, F_OK), 0);
    assert_ok(hal9_child_release(&c, NULL));
    int code = -1;
    assert_ok(hal9_child_wait(&c, -1, -1, &code, NULL));
    assert_int_equal(code, 0);
    assert_int_equal(access(mark, F_OK), 0);
    code = -1;
    assert_ok(hal9_child_wait(&c, -1, -1, &code, NULL)); /* the same again */
    assert_int_equal(code, 0);
    hal9_child_clear(&c);
    unlink(mark);

    argv[0] = "/nowhere/touch";
    assert_ok(hal9_spawn(&s, &c, NULL));
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_child_release(&c, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "/nowhere/touch");
    hal9_child_clear(&c);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left behind */
}

static void gate_stays_shut(void **state) {
    (void)state;
    _cleanup_free_ char *mark = hal9_path_join(dir, "mark");
    const char *argv[] = {"touch", mark, NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}, .gated = true};
    struct hal9_child c = HAL9_CHILD_INIT;
    assert_ok(hal9_spawn(&s, &c, NULL));
    close(c.gate_fd);
    c.gate_fd = -1;
    int code = -1;
    assert_ok(hal9_child_wait(&c, hal9_mono_ms() + 10000, -1, &code, NULL));
    assert_int_equal(code, 125);
    hal9_child_clear(&c);

    assert_ok(hal9_spawn(&s, &c, NULL));
    struct hal9_proc_id id = c.id;
    hal9_child_clear(&c);
    assert_int_equal(hal9_proc_alive(&id), HAL9_GONE);

    /* killed while it waits */
    assert_ok(hal9_spawn(&s, &c, NULL));
    kill(c.id.pid, SIGKILL);
    hal9_wait_fd(c.fd, -1, -1, NULL);
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_not_equal(hal9_child_release(&c, &err), HAL9_OK);
    hal9_child_clear(&c);
    assert_int_not_equal(access(mark, F_OK), 0);
}

/* The starter is killed with -9 while another of its gated children lives: neither ever runs its program. */
static void gate_dies_with_the_parent(void **state) {
    (void)state;
    _cleanup_free_ char *mark = hal9_path_join(dir, "mark");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *argv[] = {"touch", mark, NULL};
        struct hal9_spawn s = {
            .argv = argv, .stdio = {-1, -1, -1}, .gated = true, .new_session = true};
        struct hal9_child c[2] = {HAL9_CHILD_INIT, HAL9_CHILD_INIT};
        for (int i = 0; i < 2; i++)
            if (hal9_spawn(&s, &c[i], NULL) != HAL9_OK ||
                write(ends[1], &c[i].id, sizeof(c[i].id)) < 0)
                _exit(1);
        for (;;)
            pause();
    }
    struct hal9_proc_id ids[2];
    int fds[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read(ends[0], &ids[i], sizeof(ids[i])), sizeof(ids[i]));
        assert_ok(hal9_proc_open(&ids[i], &fds[i], NULL));
    }
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_ok(hal9_wait_fd(fds[i], hal9_mono_ms() + 10000, -1, NULL));
        close(fds[i]);
    }
    assert_int_not_equal(access(mark, F_OK), 0);
    close(ends[0]);
    close(ends[1]);
}

/* Many at once: no child keeps another's gate or report open, none gets another's descriptors. */
static void *spawn_many(void *arg) {
    (void)arg;
    const char *argv[] = {"ls", "/proc/self/fd", NULL}; /* 3 is its own, of that folder */
    for (int i = 0; i < 15; i++) {
        struct hal9_spawn gated = {.argv = argv, .stdio = {-1, -1, -1}, .gated = true};
        struct hal9_spawn plain = {.argv = argv, .stdio = {-1, -1, -1}};
        struct hal9_child c = HAL9_CHILD_INIT;
        struct hal9_run_result r = {0};
        int code = -1;
        if (hal9_spawn(&gated, &c, NULL) != HAL9_OK)
            return "a gated child did not start";
        if (hal9_run(&plain, 20000, -1, 1000, &r, NULL) != HAL9_OK ||
            strcmp(r.out.data, "0\n1\n2\n3\n") != 0)
            return "a child had foreign descriptors";
        hal9_run_result_clear(&r);
        close(c.gate_fd);
        c.gate_fd = -1;
        if (hal9_child_wait(&c, hal9_mono_ms() + 20000, -1, &code, NULL) != HAL9_OK || code != 125)
            return "a child did not see its gate shut";
        hal9_child_clear(&c);
    }
    return NULL;
}

static void threads_do_not_mix(void **state) {
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < HAL9_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spawn_many, NULL), 0);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        if (wrong)
            fail_msg("%s", (const char *)wrong);
    }
}

static void timeout_kills_the_group(void **state) {
    (void)state;
    _cleanup_free_ char *pid_file = hal9_path_join(dir, "pid");
    _cleanup_free_ char *text =
        hal9_strf("sleep 600 & echo $! > %s; trap '' TERM; wait; wait", pid_file);
    const char *argv[] = {"sh", "-c", text, NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {.exit = 42};
    _cleanup_error_ struct hal9_error err = {0};
    int64_t start = hal9_mono_ms();
    assert_int_equal(hal9_run(&s, 500, -1, 1000, &r, &err), HAL9_E_TIMEOUT);
    assert_int_equal(r.exit, 42);
    assert_true(hal9_mono_ms() - start < 10000);
    _cleanup_buf_ struct hal9_buf pid = {0};
    assert_ok(hal9_file_read(pid_file, 100, &pid, NULL));
    struct hal9_proc_id id = {.pid = (pid_t)atoi(pid.data)};
    int fd;
    if (hal9_proc_open(&id, &fd, NULL) == HAL9_OK) { /* killed, perhaps not reaped by init yet */
        assert_ok(hal9_wait_fd(fd, hal9_mono_ms() + 10000, -1, NULL));
        close(fd);
    }
    unlink(pid_file);
}

/* A start that doesn't come to its end is given up, and its child with it. */
static void a_start_is_broken_off(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    const char *argv[] = {"sleep", "600", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_child c = HAL9_CHILD_INIT;
    struct hal9_patience none = {.deadline_ms = -1, .cancel_fd = ends[0]};
    assert_int_equal(hal9_spawn_within(&s, &none, &c, NULL), HAL9_E_INTERRUPTED);
    assert_int_equal(c.fd, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left behind */
    close(ends[0]);
    close(ends[1]);
}

static void cancel_ends_a_run(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    const char *argv[] = {"sleep", "600", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_int_equal(hal9_run(&s, -1, ends[0], 1000, &r, NULL), HAL9_E_INTERRUPTED);
    close(ends[0]);
    close(ends[1]);
}

/* A grandchild that keeps the pipe open must not keep us. */
static void does_not_wait_for_grandchildren(void **state) {
    (void)state;
    const char *argv[] = {"sh", "-c", "setsid sleep 600 & echo $!", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 20000, -1, 1000, &r, NULL));
    pid_t pid = (pid_t)atoi(r.out.data);
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    hal9_run_result_clear(&r);
}

static void waiting_is_broken_off(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int64_t start = hal9_mono_ms();
    assert_ok(hal9_wait_fd(-1, start + 30, -1, NULL));
    assert_true(hal9_mono_ms() >= start + 30);
    assert_int_equal(hal9_wait_fd(ends[0], hal9_mono_ms() + 10, -1, NULL), HAL9_E_TIMEOUT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_ok(hal9_wait_fd(ends[0], -1, -1, NULL));
    assert_int_equal(hal9_wait_fd(-1, -1, ends[0], NULL), HAL9_E_INTERRUPTED);
    close(ends[0]);
    close(ends[1]);
}

static void ignored_sigchld_costs_no_exit_code(void **state) {
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    const char *argv[] = {"sh", "-c", "exit 7", NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result r = {0};
    assert_ok(hal9_run(&s, 20000, -1, 1000, &r, NULL));
    assert_int_equal(r.exit, 7);
    hal9_run_result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_output_and_exit),
        cmocka_unit_test(caps_output),
        cmocka_unit_test(closes_descriptors_and_resets_signals),
        cmocka_unit_test(swaps_stdio),
        cmocka_unit_test(sets_place_umask_environment_limits_session),
        cmocka_unit_test(changes_user),
        cmocka_unit_test(tells_why_a_user_could_not_be_had),
        cmocka_unit_test(tells_why_it_could_not_run),
        cmocka_unit_test(tells_that_it_could_not_fork),
        cmocka_unit_test(looks_in_path_of_the_environment),
        cmocka_unit_test(gate_opens),
        cmocka_unit_test(gate_stays_shut),
        cmocka_unit_test(gate_dies_with_the_parent),
        cmocka_unit_test(threads_do_not_mix),
        cmocka_unit_test(timeout_kills_the_group),
        cmocka_unit_test(a_start_is_broken_off),
        cmocka_unit_test(cancel_ends_a_run),
        cmocka_unit_test(does_not_wait_for_grandchildren),
        cmocka_unit_test(waiting_is_broken_off),
        cmocka_unit_test(ignored_sigchld_costs_no_exit_code),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
