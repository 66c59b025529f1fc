/* HAProxy's sockets: their names, and a connection to one, in time. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "net/haproxy-internal.h"

#define AGAIN_MS 5 /* a unix socket whose queue is full can't be polled */

/* ---- names of sockets ---- */

/* HOST:PORT or [HOST]:PORT. What is wrong with it, static, or NULL. */
static const char *host_port(const char *text, char **ret_host, uint16_t *ret_port) {
    const char *colon = strrchr(text, ':');
    int64_t port;

    if (!colon || colon == text)
        return "wants tcp:HOST:PORT";
    if (hal9_parse_int(colon + 1, 1, 65535, &port, NULL) != HAL9_OK)
        return "has no port from 1 to 65535";
    size_t len = (size_t)(colon - text);
    bool brackets = text[0] == '[' && text[len - 1] == ']' && len > 2;

    if (!brackets && memchr(text, ':', len))
        return "wants an IPv6 address in brackets";
    *ret_host = brackets ? hal9_strndup(text + 1, len - 2) : hal9_strndup(text, len);
    *ret_port = (uint16_t)port;
    return NULL;
}

char *hal9_haproxy_wrong(const char *socket) {
    _cleanup_free_ char *host = NULL;
    struct sockaddr_un un;
    uint16_t port;

    if (hal9_startswith(socket, "tcp:")) {
        const char *why = host_port(socket + strlen("tcp:"), &host, &port);

        return why ? hal9_strf("'%s' %s", socket, why) : NULL;
    }
    if (!hal9_startswith(socket, "unix:"))
        return hal9_strf("a socket wants unix:PATH or tcp:HOST:PORT, not '%s'", socket);
    const char *path = socket + strlen("unix:");

    if (path[0] != '/')
        return hal9_strf("'%s' wants an absolute path", socket);
    if (strlen(path) >= sizeof(un.sun_path))
        return hal9_strf("the path of '%s' is too long for a socket (%zu bytes at most)", socket,
                         sizeof(un.sun_path) - 1);
    return NULL;
}

bool hal9_haproxy_tcp(const char *socket, char **ret_host, uint16_t *ret_port) {
    return hal9_startswith(socket, "tcp:") &&
           host_port(socket + strlen("tcp:"), ret_host, ret_port) == NULL;
}

char *hal9_haproxy_canonical(const char *socket) {
    if (!hal9_startswith(socket, "unix:"))
        return hal9_strdup(socket);
    _cleanup_free_ char *path = hal9_path_canonical(socket + strlen("unix:"));

    return hal9_strf("unix:%s", path);
}

/* ---- reaching it ---- */

static hal9_status unreachable(const struct hal9_haproxy_talk *t, int errnum,
                               struct hal9_error *err) {
    if (errnum == EACCES || errnum == EPERM) {
        hal9_error_errno(err, errnum, "haproxy at %s can't be reached", t->socket);
        hal9_error_hint(err, "its mode, user and group (stats socket ... mode ... group ...) "
                             "decide who may; or use sudo");
        return HAL9_E_PERM;
    }
    hal9_error_set(err, HAL9_E_UNKNOWN, "haproxy at %s can't be reached: %s", t->socket,
                   strerror(errnum));
    hal9_error_hint(err, "is it running, and does its configuration have this  stats socket?");
    return HAL9_E_UNKNOWN;
}

static hal9_status too_late(const struct hal9_haproxy_talk *t, const char *what,
                            struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_TIMEOUT, "haproxy at %s %s in time", t->socket, what);
    hal9_error_hint(err, "it accepts and does not serve: look at its load, or restart it");
    return HAL9_E_TIMEOUT;
}

/* Waits until any of them is ready. */
hal9_status hal9_haproxy_await(const struct hal9_haproxy_talk *t, struct pollfd *v, size_t n,
                               const char *what, struct hal9_error *err) {
    struct pollfd fds[HAL9_HAPROXY_PARALLEL + 1] = {{.fd = t->cancel_fd, .events = POLLIN}};

    memcpy(fds + 1, v, n * sizeof(*v));
    for (;;) {
        int64_t left = t->deadline_ms - hal9_mono_ms();
        int ready = poll(fds, n + 1, left > 0 ? (int)left : 0);

        if (ready < 0 && errno != EINTR)
            return hal9_error_errno(err, errno, "cannot wait for %s", t->socket);
        if (ready > 0 && fds[0].revents)
            return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
        if (ready > 0) {
            memcpy(v, fds + 1, n * sizeof(*v));
            return HAL9_OK;
        }
        if (left <= 0)
            return too_late(t, what, err);
    }
}

static hal9_status await_one(const struct hal9_haproxy_talk *t, int fd, short events,
                             const char *what, struct hal9_error *err) {
    return hal9_haproxy_await(t, &(struct pollfd){.fd = fd, .events = events}, 1, what, err);
}

static hal9_status connect_to(const struct hal9_haproxy_talk *t, const struct sockaddr *to,
                              socklen_t len, int *ret_fd, struct hal9_error *err) {
    _cleanup_close_ int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = 0;
    socklen_t size = sizeof(failed);
    hal9_status st;

    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make a socket for %s", t->socket);
    while (connect(fd, to, len) < 0 && errno != EISCONN) {
        if (errno == EAGAIN) {
            if (hal9_mono_ms() >= t->deadline_ms)
                return too_late(t, "accepts no connection", err);
            st = hal9_wait_fd(-1, hal9_mono_ms() + AGAIN_MS, t->cancel_fd, err);
            if (st != HAL9_OK)
                return st;
            continue;
        }
        if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
            return unreachable(t, errno, err);
        st = await_one(t, fd, POLLOUT, "accepts no connection", err);
        if (st != HAL9_OK)
            return st;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0 || failed)
            return unreachable(t, failed ? failed : errno, err);
        break;
    }
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

struct resolved {
    socklen_t len;
    struct sockaddr_storage to;
};
struct question {
    char host[256];
    char port[8];
};

static bool look_up(const struct question *q, int flags, struct resolved *ret) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list = NULL;

    if (getaddrinfo(q->host, q->port, &hints, &list) != 0 || !list)
        return false;
    *ret = (struct resolved){.len = list->ai_addrlen};
    memcpy(&ret->to, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return true;
}

static void look_up_there(const void *arg, int fd) {
    struct resolved r;

    if (look_up(arg, 0, &r))
        hal9_fd_write_all(fd, &r, sizeof(r), NULL);
}

/* A name server may hang: a child asks it. */
static hal9_status resolve(const struct hal9_haproxy_talk *t, const char *host, uint16_t port,
                           struct resolved *ret, struct hal9_error *err) {
    struct hal9_child child = HAL9_CHILD_INIT;
    struct question q = {0};
    _cleanup_close_ int fd = -1;

    snprintf(q.host, sizeof(q.host), "%s", host);
    snprintf(q.port, sizeof(q.port), "%u", port);
    if (look_up(&q, AI_NUMERICHOST | AI_NUMERICSERV, ret))
        return HAL9_OK;
    hal9_status st = hal9_spawn_call(look_up_there, &q, &child, &fd, err);

    if (st != HAL9_OK)
        return st;
    st = await_one(t, fd, POLLIN, "has no address that is told", err);
    if (st == HAL9_OK && read(fd, ret, sizeof(*ret)) != (ssize_t)sizeof(*ret))
        st = hal9_error_set(err, HAL9_E_UNKNOWN, "haproxy at %s: no address of '%s' is known",
                            t->socket, host);
    if (st != HAL9_OK)
        hal9_proc_signal(child.fd, &child.id, SIGKILL, NULL);
    hal9_child_wait(&child, -1, -1, &(int){0}, NULL);
    hal9_child_clear(&child);
    return st;
}

hal9_status hal9_haproxy_reach(const struct hal9_haproxy_talk *t, int *ret_fd,
                               struct hal9_error *err) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    _cleanup_free_ char *wrong = hal9_haproxy_wrong(t->socket);
    _cleanup_free_ char *host = NULL;
    struct resolved r = {0};
    uint16_t port;

    if (wrong)
        return hal9_error_set(err, HAL9_E_USAGE, "%s", wrong);
    if (!hal9_haproxy_tcp(t->socket, &host, &port)) {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", t->socket + strlen("unix:"));
        return connect_to(t, (struct sockaddr *)&un, sizeof(un), ret_fd, err);
    }
    hal9_status st = resolve(t, host, port, &r, err);

    return st == HAL9_OK ? connect_to(t, (struct sockaddr *)&r.to, r.len, ret_fd, err) : st;
}
