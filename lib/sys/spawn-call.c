/* Calling a function in a child: for system calls that may never come back. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/sys-internal.h"

static _Noreturn void child_main(void (*fn)(const void *arg, int fd), const void *arg, int fd) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    /* A reader of our standard output must not wait for a child that hangs. */
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    hal9_platform_close_all_but(fd, fd);
    fn(arg, fd);
    _exit(0);
}

/* A socket pair above 2, so that the child's end is not taken for its stdio. */
static int pair_above_stdio(int ret[2]) {
    int low[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        ret[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
        close(low[i]);
    }
    return ret[0] >= 0 && ret[1] >= 0 ? 0 : -1;
}

hal9_status hal9_spawn_call(void (*fn)(const void *arg, int fd), const void *arg,
                            struct hal9_child *ret, int *ret_fd, struct hal9_error *err) {
    int pair[2] = {-1, -1};
    sigset_t all, before;
    if (pair_above_stdio(pair) < 0)
        return hal9_error_errno(err, errno, "cannot make a pair of sockets");
    _cleanup_close_ int own = pair[0];
    _cleanup_close_ int theirs = pair[1];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = hal9_sys_fork();
    if (pid == 0)
        child_main(fn, arg, theirs);
    const int failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return hal9_error_errno(err, failed, "cannot start a child: fork");
    struct hal9_child c = HAL9_CHILD_INIT;
    hal9_status status = hal9_platform_proc_id(pid, &c.id, err);
    if (status == HAL9_OK && (c.fd = hal9_platform_child_fd(pid)) < 0)
        status = hal9_error_errno(err, errno, "cannot watch the child, pid %d", (int)pid);
    if (status != HAL9_OK) {
        hal9_sys_end_child(pid);
        HAL9_RETRY(waitpid(pid, NULL, 0));
        return status;
    }
    *ret = c;
    *ret_fd = HAL9_TAKE_FD(own);
    return HAL9_OK;
}
