/* Starting a process. Everything is made ready before the fork, because the child of a process with threads may call
 * little (signal-safety(7)); spawn-child.c is the child's side, and reports by a pipe. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/spawn.h"

/* The value of PATH in an environment, as the child will have it. */
static const char *path_of(const char *const *envp) {
    for (; *envp; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* What to try to execute, in order. */
static void find_programs(const struct hal9_spawn *s, struct hal9_strv *ret) {
    const char *program = s->exe ? s->exe : s->argv[0];
    if (s->exe || strchr(program, '/')) {
        hal9_strv_add(ret, program);
        return;
    }
    const char *envp[] = {NULL};
    const char *path = path_of(s->envp ? s->envp : environ ? (const char *const *)environ : envp);
    for (;;) {
        size_t len = strcspn(path, ":");
        _cleanup_free_ char *dir = hal9_strndup(path, len);
        hal9_strv_take(ret, hal9_path_join(len > 0 ? dir : ".", program));
        if (path[len] == '\0')
            return;
        path += len + 1;
    }
}

/* A pair of sockets above 2, so that they don't stand where the child's stdio goes. Sockets, because a
 * write to a pipe whose reader has died would raise SIGPIPE. */
static int high_pair(int ret[2]) {
    int low[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) < 0)
        return -1;
    ret[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
    ret[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
    int failed = errno;
    close(low[0]);
    close(low[1]);
    if (ret[0] >= 0 && ret[1] >= 0)
        return 0;
    if (ret[0] >= 0)
        close(ret[0]);
    if (ret[1] >= 0)
        close(ret[1]);
    errno = failed;
    return -1;
}

/* The child's descriptors 0, 1 and 2 to be, all above 2. */
static int high_stdio(const int wanted[3], int ret[3]) {
    for (int i = 0; i < 3; i++) {
        int fd = wanted[i] >= 0 ? wanted[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return -1;
        ret[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        int failed = errno;
        if (wanted[i] < 0)
            close(fd);
        errno = failed;
        if (ret[i] < 0)
            return -1;
    }
    return 0;
}

static void launch_clear(struct hal9_launch *l) {
    int fds[] = {l->stdio[0], l->stdio[1], l->stdio[2], l->error[0],
                 l->error[1], l->gate[0],  l->gate[1]};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    hal9_strv_free(&l->programs);
}

static hal9_status prepare(const struct hal9_spawn *s, struct hal9_launch *l,
                           struct hal9_error *err) {
    if (!s->argv || !s->argv[0])
        return hal9_error_set(err, HAL9_E_USAGE, "nothing to run: no arguments");
    find_programs(s, &l->programs);
    if (high_stdio(s->stdio, l->stdio) < 0 || high_pair(l->error) < 0 ||
        (s->gated && high_pair(l->gate) < 0))
        return hal9_error_errno(err, errno, "cannot make ready to run %s", s->argv[0]);
    struct sigaction chld;
    /* Ignored SIGCHLD, as a careless parent hands it on, would take the exit code away. */
    if (sigaction(SIGCHLD, NULL, &chld) == 0 && chld.sa_handler == SIG_IGN)
        signal(SIGCHLD, SIG_DFL);
    return HAL9_OK;
}

/* Forks with all signals blocked, so that no handler of ours runs in the child. */
static pid_t fork_child(const struct hal9_launch *l) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = hal9_sys_fork();
    if (pid == 0)
        hal9_spawn_child(l);
    int failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return pid;
}

static void describe(const struct hal9_spawn *s, const struct hal9_report *r,
                     struct hal9_error *err) {
    const char *program = s->exe ? s->exe : s->argv[0];
    if (r->step == HAL9_STEP_USER || r->step == HAL9_STEP_GROUP || r->step == HAL9_STEP_GROUPS) {
        _cleanup_free_ char *user = hal9_user_name(s->uid);
        hal9_error_errno(err, r->errnum, "cannot run %s: cannot change to %s %s", program,
                         r->step == HAL9_STEP_USER ? "user" : "the groups of user", user);
    } else if (r->step == HAL9_STEP_CWD) {
        hal9_error_errno(err, r->errnum, "cannot run %s: cannot enter directory %s", program,
                         s->cwd);
    } else if (r->step == HAL9_STEP_LIMITS) {
        hal9_error_errno(err, r->errnum, "cannot run %s: cannot set resource limit %d", program,
                         r->detail);
    } else if (r->step == HAL9_STEP_EXEC) {
        hal9_error_errno(err, r->errnum, "cannot run %s", program);
        if (r->errnum == ENOEXEC)
            hal9_error_hint(err, "is it for another machine, or a script without a #! line?");
        else if (r->errnum == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
            hal9_error_hint(err, "the file is there: its interpreter (#! line or loader) is not");
    } else {
        hal9_error_errno(err, r->errnum, "cannot run %s: cannot set up its descriptors", program);
    }
}

/* Reads the child's reports up to `until` (READY; EXEC never comes as a success, so: to the end). */
static hal9_status await_report(int fd, enum hal9_step until, const char *program,
                                const struct hal9_patience *p, struct hal9_report *ret,
                                struct hal9_error *err) {
    struct hal9_report last = {.step = HAL9_STEP_NONE};
    for (;;) {
        struct hal9_report r;
        hal9_status status = hal9_wait_fd(fd, p->deadline_ms, p->cancel_fd, err);
        if (status != HAL9_OK)
            return status;
        ssize_t n = HAL9_RETRY(read(fd, &r, sizeof(r)));
        if (n == 0)
            break;
        if (n != (ssize_t)sizeof(r))
            return hal9_error_errno(err, n < 0 ? errno : EIO,
                                    "cannot hear from the child that runs %s", program);
        last = r;
        if (r.errnum != 0 || r.step == until)
            break;
    }
    *ret = last;
    return HAL9_OK;
}

/* The child reports a failure, or reached `until`; going means that execve was next and nothing more came: it succeeded. */
static hal9_status judge(const struct hal9_spawn *s, int fd, enum hal9_step until,
                         const struct hal9_patience *p, struct hal9_error *err) {
    struct hal9_report r = {.step = HAL9_STEP_NONE};
    hal9_status status = await_report(fd, until, s->argv[0], p, &r, err);
    if (status != HAL9_OK)
        return status;
    if (r.errnum != 0) {
        _cleanup_error_ struct hal9_error told = {0};
        describe(s, &r, &told);
        return hal9_error_move(err, &told);
    }
    if (r.step == until || (until == HAL9_STEP_EXEC && r.step == HAL9_STEP_GOING))
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_FAILED, "the child ended before it could run %s", s->argv[0]);
}

/* Makes the handle of the child just forked. */
static hal9_status adopt(pid_t pid, struct hal9_launch *l, struct hal9_child *ret,
                         struct hal9_error *err) {
    struct hal9_child c = HAL9_CHILD_INIT;
    hal9_status status = hal9_platform_proc_id(pid, &c.id, err);
    if (status != HAL9_OK)
        return status;
    c.fd = hal9_platform_child_fd(pid);
    if (c.fd < 0)
        return hal9_error_errno(err, errno, "cannot watch the child, pid %d", (int)pid);
    c.error_fd = HAL9_TAKE_FD(l->error[0]);
    c.gate_fd = HAL9_TAKE_FD(l->gate[1]);
    *ret = c;
    return HAL9_OK;
}

/* Ends a child that never got to its program. One that hangs in the kernel (a dead mount) is left to die when it can. */
static void discard(struct hal9_child *c, pid_t pid) {
    hal9_sys_end_child(pid);
    if (c->fd < 0)
        HAL9_RETRY(waitpid(pid, NULL, 0));
    else
        hal9_wait_fd(c->fd, hal9_mono_ms() + HAL9_KILL_WAIT_MS, -1, NULL);
    hal9_child_clear(c);
}

hal9_status hal9_spawn(const struct hal9_spawn *s, struct hal9_child *ret, struct hal9_error *err) {
    return hal9_spawn_within(s, &(struct hal9_patience){-1, -1}, ret, err);
}

hal9_status hal9_spawn_within(const struct hal9_spawn *s, const struct hal9_patience *p,
                              struct hal9_child *ret, struct hal9_error *err) {
    _cleanup_(launch_clear) struct hal9_launch l = {
        .spawn = s, .stdio = {-1, -1, -1}, .error = {-1, -1}, .gate = {-1, -1}};
    hal9_status status = prepare(s, &l, err);
    if (status != HAL9_OK)
        return status;
    pid_t pid = fork_child(&l);
    if (pid < 0)
        return hal9_error_errno(err, errno, "cannot start %s: fork", s->argv[0]);
    close(HAL9_TAKE_FD(l.error[1]));
    struct hal9_child c = HAL9_CHILD_INIT;
    status = adopt(pid, &l, &c, err);
    if (status == HAL9_OK)
        status = judge(s, c.error_fd, s->gated ? HAL9_STEP_READY : HAL9_STEP_EXEC, p, err);
    if (status != HAL9_OK) {
        discard(&c, pid);
        return status;
    }
    if (!s->gated)
        close(HAL9_TAKE_FD(c.error_fd));
    else
        c.program = hal9_strdup(s->exe ? s->exe : s->argv[0]);
    *ret = c;
    return HAL9_OK;
}

hal9_status hal9_child_release(struct hal9_child *c, struct hal9_error *err) {
    if (c->gate_fd < 0)
        return hal9_error_set(err, HAL9_E_USAGE, "process %d waits at no gate", (int)c->id.pid);
    const char *argv[] = {c->program, NULL};
    struct hal9_spawn s = {.argv = argv};
    hal9_status status = HAL9_OK;
    if (HAL9_RETRY(send(c->gate_fd, "g", 1, MSG_NOSIGNAL)) < 0)
        status =
            hal9_error_errno(err, errno, "cannot release the child that is to run %s", c->program);
    close(HAL9_TAKE_FD(c->gate_fd));
    if (status == HAL9_OK)
        status = judge(&s, c->error_fd, HAL9_STEP_EXEC, &(struct hal9_patience){-1, -1}, err);
    close(HAL9_TAKE_FD(c->error_fd));
    /* It ends by itself: waiting for that lets hal9_child_clear() reap it. */
    if (status != HAL9_OK)
        hal9_wait_fd(c->fd, hal9_mono_ms() + HAL9_KILL_WAIT_MS, -1, NULL);
    return status;
}
