/* INT, TERM and HUP: the first asks for a safe stop, the second for an end at once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli-internal.h"

static int soft[2] = {-1, -1}, hard[2] = {-1, -1}, again[2] = {-1, -1};

static void on_signal(int sig) {
    int saved = errno;
    int fd = cli.cancel.signal == 0 ? soft[1] : hard[1];

    if (cli.cancel.signal == 0) {
        cli.cancel.signal = sig;
    } else if (!cli.acting) { /* nothing is under way: at once, whatever it hangs on */
        signal(sig, SIG_DFL);
        raise(sig);
    }
    if (write(fd, "!", 1) < 0) {
        /* The pipe is full of earlier signals: it is readable, and that is all it is for. */
    }
    errno = saved;
}

void cli_signals(void) {
    static const int told[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;

    cli.cancel.soft_fd = cli.cancel.hard_fd = -1;
    if (pipe2(soft, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(hard, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    cli.cancel.soft_fd = soft[0];
    cli.cancel.hard_fd = hard[0];
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        /* What nohup ignores stays ignored. */
        if (sigaction(told[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(told[i], &act, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void on_deadline(int sig) {
    int saved = errno;

    (void)sig;
    cli.cancel.timed_out = 1;
    if (write(soft[1], "!", 1) < 0) {
        /* A stop was asked for already. */
    }
    errno = saved;
}

void cli_arm_deadline(void) {
    struct sigaction act = {.sa_handler = on_deadline, .sa_flags = SA_RESTART};
    const int64_t left = cli.deadline_ms - hal9_mono_ms(), ms = left > 0 ? left : 1;
    const struct itimerval timer = {
        .it_value = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000}};

    if (cli.deadline_ms >= 0 && sigaction(SIGALRM, &act, NULL) == 0)
        setitimer(ITIMER_REAL, &timer, NULL);
}

static void on_hangup(int sig) {
    int saved = errno;

    (void)sig;
    if (write(again[1], "!", 1) < 0) {
        /* It was asked for already. */
    }
    errno = saved;
}

int cli_reload_fd(void) {
    struct sigaction act = {.sa_handler = on_hangup, .sa_flags = SA_RESTART}, old;
    const int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

    if (tty >= 0) {
        close(tty);
        return -1;
    }
    if (sigaction(SIGHUP, NULL, &old) != 0 || old.sa_handler == SIG_IGN ||
        pipe2(again, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    sigaction(SIGHUP, &act, NULL);
    return again[0];
}
