/* The child between fork and execve: only async-signal-safe calls, no memory, no locks. */
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/spawn.h"

enum { EXIT_NOT_RELEASED = 125, EXIT_SETUP_FAILED = 126 };

static void tell(const struct hal9_launch *l, enum hal9_step step, int errnum, int detail) {
    struct hal9_report r = {.step = step, .errnum = errnum, .detail = detail};
    /* A parent that has died doesn't read this; the gate's end tells then. */
    HAL9_RETRY(send(l->error[1], &r, sizeof(r), MSG_NOSIGNAL));
}

static _Noreturn void fail(const struct hal9_launch *l, enum hal9_step step, int detail) {
    tell(l, step, errno, detail);
    _exit(EXIT_SETUP_FAILED);
}

/* Called with all signals blocked: no handler of the parent's ever runs here. */
static void reset_signals(void) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &plain, NULL); /* refused for KILL and STOP */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_stdio(const struct hal9_launch *l) {
    for (int i = 0; i < 3; i++)
        if (HAL9_RETRY(dup2(l->stdio[i], i)) < 0)
            fail(l, HAL9_STEP_SETUP, 0);
    hal9_platform_close_all_but(l->error[1], l->gate[0]);
}

static void set_limits(const struct hal9_launch *l) {
    const struct hal9_spawn *s = l->spawn;
    for (size_t i = 0; s->limits && i < s->n_limits; i++)
        if (setrlimit((unsigned)i, &s->limits[i]) < 0)
            fail(l, HAL9_STEP_LIMITS, (int)i);
}

static void set_user(const struct hal9_launch *l) {
    const struct hal9_spawn *s = l->spawn;
    if (!s->set_user)
        return;
    /* Not root and already that user: setgroups would be refused without need. */
    if (geteuid() != 0 && s->uid == geteuid() && s->uid == getuid() && s->gid == getegid())
        return;
    if (setgroups(s->n_groups, s->groups) < 0)
        fail(l, HAL9_STEP_GROUPS, 0);
    if (setgid(s->gid) < 0)
        fail(l, HAL9_STEP_GROUP, 0);
    if (setuid(s->uid) < 0)
        fail(l, HAL9_STEP_USER, 0);
}

static void wait_at_gate(const struct hal9_launch *l) {
    if (l->gate[0] < 0)
        return;
    tell(l, HAL9_STEP_READY, 0, 0);
    char go;
    if (HAL9_RETRY(read(l->gate[0], &go, 1)) != 1)
        _exit(EXIT_NOT_RELEASED); /* the parent died or changed its mind */
}

/* As execvpe: a file that isn't there or may not be run leads to the next place, and a refusal is
 * remembered as the reason. No shell for files without a #! line. */
static _Noreturn void execute(const struct hal9_launch *l) {
    const struct hal9_spawn *s = l->spawn;
    char *const *envp = s->envp ? (char *const *)s->envp : environ;
    tell(l, HAL9_STEP_GOING, 0, 0);
    int reason = ENOENT;
    for (size_t i = 0; i < l->programs.n; i++) {
        execve(l->programs.v[i], (char *const *)s->argv, envp);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
            reason = errno;
            break;
        }
        /* A folder of PATH that this user may not enter is none of the program's business. */
        if (errno == EACCES && (l->programs.n == 1 || access(l->programs.v[i], F_OK) == 0))
            reason = EACCES;
    }
    errno = reason;
    fail(l, HAL9_STEP_EXEC, 0);
}

_Noreturn void hal9_spawn_child(const struct hal9_launch *l) {
    const struct hal9_spawn *s = l->spawn;
    reset_signals();
    if (s->new_session && setsid() < 0)
        fail(l, HAL9_STEP_SETUP, 0);
    set_stdio(l);
    set_limits(l);
    set_user(l);
    if (s->cwd && chdir(s->cwd) < 0)
        fail(l, HAL9_STEP_CWD, 0);
    if (s->set_umask)
        umask(s->umask);
    wait_at_gate(l);
    execute(l);
}
