/* A pid that is used again between the plan and the signal: the stranger is never signalled. In a pid namespace, where a pid can be asked for. */
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "workload-world.h"

#include "store/store-internal.h"

#ifdef HAL9_TEST_HOOKS

enum { THE_PID = 42, NEEDS = 77 };

/* Runs a program of ours as that pid and waits until it listens on the port (0: any, which is returned). */
static int run_as(pid_t pid, const char *name, int port) {
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    _cleanup_free_ char *path = program(name);
    _cleanup_free_ char *number = hal9_strf("%d", port);
    char text[64] = {0};
    int fds[2];
    if (pipe(fds) < 0)
        return -1;
    _cleanup_free_ char *ready = hal9_strf("%d", fds[1]);
    pid_t got = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (got == 0) {
        if (freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr))
            execl(path, path, "--port", number, "--ready-fd", ready, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    ssize_t n = got == pid ? read(fds[0], text, sizeof(text) - 1) : -1;
    close(fds[0]);
    return n > 0 && sscanf(text, "%d", &port) == 1 ? port : -1;
}

/* The tool, which stops at its n-th journal line and goes on when it is let. */
static pid_t tool_at_line(struct world *w, const cJSON *args, int n, int *ret_ready, int *ret_go) {
    int ready[2];
    int go[2];
    if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        _cleanup_free_ char *stop = hal9_strf("%d:%d:%d", n, ready[1], go[0]);
        struct one_step o = {"process.stop", cJSON_Duplicate(args, true)};
        struct hal9_op_result res = {0};
        setenv("HAL9OPS_TEST_STOP", stop, 1);
        hal9_hook_reset();
        close(ready[0]);
        close(go[1]);
        hal9_status st = hal9_op_run(&w->env, plan_one, &o, &res, NULL);
        _exit(st == HAL9_OK && res.state == HAL9_OP_DONE ? 0 : 1);
    }
    close(ready[1]);
    close(go[0]);
    *ret_ready = ready[0];
    *ret_go = go[1];
    return pid;
}

/* As PID 1 of a namespace. 0: the stranger lives, and the tool has done its work. line: where the tool stands meanwhile. */
static int reuse(int line) {
    void *state = NULL;
    char byte;
    int ready;
    int go;
    int status;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, NULL) != 0 || workload_setup(&state) != 0)
        return NEEDS;
    int port = run_as(THE_PID, "layer9-server", 0);
    if (port < 0)
        return NEEDS;
    cJSON *args = stop_holders(port, NULL);
    pid_t tool = tool_at_line(state, args, line, &ready, &go);
    if (read(ready, &byte, 1) != 1)
        return 2;
    kill(THE_PID, SIGKILL);
    waitpid(THE_PID, NULL, 0);
    hal9_wait_fd(-1, hal9_mono_ms() + 30, -1, NULL); /* start times tick every 10 ms */
    if (run_as(THE_PID, "hold-port", port) != port)
        return 3;
    close(go);
    if (waitpid(tool, &status, 0) != tool || status != 0)
        return 4;
    hal9_wait_fd(-1, hal9_mono_ms() + 50, -1, NULL);
    if (waitpid(THE_PID, &status, WNOHANG) != 0 || !listens(port))
        return 5;
    cJSON_Delete(args);
    workload_teardown(&state);
    return 0;
}

static int in_namespace(int line) {
    pid_t keeper = fork();
    int status;
    if (keeper == 0) {
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
            _exit(NEEDS);
        pid_t init = fork();
        if (init == 0)
            _exit(reuse(line));
        waitpid(init, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    waitpid(keeper, &status, 0);
    return WEXITSTATUS(status);
}

/* Lines: plan, begin, what it takes to bring it back, done. */
static void a_stranger_with_the_pid_is_never_signalled(void **state) {
    (void)state;
    for (int line = 1; line <= 3; line++) {
        int how = in_namespace(line);
        if (how == NEEDS) {
            skip_needs("namespaces");
            return;
        }
        assert_int_equal(how, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_with_the_pid_is_never_signalled)};
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}

#else

int main(void) {
    puts("1..1\nok 1 - pids used again # SKIP needs a build with HAL9_TEST_HOOKS");
    return 0;
}

#endif
