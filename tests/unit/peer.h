/* Peers for tests: the fixture servers as processes, and a thread that answers bytes as told. */
#ifndef HAL9_TESTS_PEER_H
#define HAL9_TESTS_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

struct fixture {
    pid_t pid;
    int port;
    pid_t server_pid; /* who listens: not the watcher */
};

/* Starts build/tests/fixtures/NAME with args and waits until it listens. */
static inline struct fixture fixture_start(const char *name, const char *const *args) {
    struct fixture f = {0};
    const char *dir = getenv("HAL9_FIXTURES");
    const char *argv[32] = {0};
    char path[512], ready[16], text[64] = {0};
    int fds[2], n = 0;
    assert_non_null(dir);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(pipe(fds), 0);
    snprintf(ready, sizeof(ready), "%d", fds[1]);
    argv[n++] = path;
    argv[n++] = "--ready-fd";
    argv[n++] = ready;
    while (args && *args && n < 31)
        argv[n++] = *args++;
    f.pid = fork();
    if (f.pid == 0) {
        close(fds[0]);
        setenv("HAL9_FIXTURE_LIFETIME", "100", 0); /* a test that dies leaves nothing for long */
        if (freopen("/dev/null", "w", stderr) && freopen("/dev/null", "w", stdout))
            execv(path, (char *const *)argv);
        _exit(127);
    }
    close(fds[1]);
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    int server = 0;
    assert_int_equal(sscanf(text, "%d %d", &f.port, &server), 2);
    f.server_pid = (pid_t)server;
    return f;
}

static inline void fixture_stop(struct fixture *f) {
    if (f->pid <= 0)
        return;
    kill(f->pid, SIGKILL);
    waitpid(f->pid, NULL, 0);
    f->pid = 0;
}

/* A peer in a thread, on a port of 127.0.0.1: reads what comes, says its answer, `repeat` times. */
struct peer {
    const char *answer; /* NULL: says nothing */
    size_t length;      /* 0: strlen */
    unsigned repeat;
    bool hold;   /* keeps the connection open after it until the test ends */
    bool greets; /* answers before it has read anything */
    bool reset;  /* closes with a reset */
    int port;
    int listener;
    int stop[2];
    char got[4096]; /* what was read last */
    pthread_t thread;
};

static inline void peer_answer(struct peer *p, int fd) {
    ssize_t got = 0;
    if (!p->greets && (got = recv(fd, p->got, sizeof(p->got) - 1, 0)) >= 0)
        p->got[got] = '\0';
    const size_t length = p->answer ? (p->length ? p->length : strlen(p->answer)) : 0;
    for (unsigned i = 0; length && i < (p->repeat ? p->repeat : 1); i++)
        if (send(fd, p->answer, length, MSG_NOSIGNAL) < 0)
            break;
    if (p->greets && length && (got = recv(fd, p->got, sizeof(p->got) - 1, MSG_DONTWAIT)) > 0)
        p->got[got] = '\0';
    if (p->hold) {
        struct pollfd ends = {.fd = p->stop[0], .events = POLLIN};
        poll(&ends, 1, -1);
    }
    if (p->reset) {
        struct linger now = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(fd);
}

static inline void *peer_main(void *data) {
    struct peer *p = data;
    for (;;) {
        struct pollfd wait[2] = {{.fd = p->listener, .events = POLLIN},
                                 {.fd = p->stop[0], .events = POLLIN}};
        if (poll(wait, 2, -1) < 0 || wait[1].revents)
            return NULL;
        int fd = accept(p->listener, NULL, NULL);
        if (fd >= 0)
            peer_answer(p, fd);
    }
}

/* Fills a block, which need not end: a head once, then a pattern again and again. */
static inline void fill_block(char *block, size_t size, const char *head, const char *pattern) {
    const size_t first = strlen(head), period = strlen(pattern);
    for (size_t i = 0; i < size; i++)
        block[i] = i < first ? head[i] : pattern[(i - first) % period];
}

/* A socket bound to a free port of 127.0.0.1. */
static inline int bound_socket(int type, int *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &length), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static inline void peer_start(struct peer *p) {
    p->listener = bound_socket(SOCK_STREAM, &p->port);
    assert_int_equal(listen(p->listener, 256), 0);
    assert_int_equal(pipe(p->stop), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

static inline void peer_stop(struct peer *p) {
    close(p->stop[1]);
    pthread_join(p->thread, NULL);
    close(p->stop[0]);
    close(p->listener);
}

#endif
