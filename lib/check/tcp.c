/* The tcp and udp checks: connect, say what is to be said, compare what comes back. On plain sockets: libuv's own
 * writes can raise SIGPIPE, and signals are the program's business. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/outcome.h"
#include "check/resolve.h"
#include "check/runner.h"
#include "check/talk.h"
#include "check/text.h"

#define MAX_ANSWER ((size_t)64 * 1024)
#define SHOWN 80

struct talk;
struct watched { /* a socket in the loop */
    uv_poll_t poll;
    struct talk *talk;
    int fd;
};
struct talk {
    struct hal9_check_run *r;
    int type; /* SOCK_STREAM, SOCK_DGRAM */
    struct hal9_resolve *resolve;
    struct addrinfo *list, *next; /* addresses, and the one to try next */
    struct watched *socket;
    bool connected;
    struct hal9_buf out, in;
    size_t sent;
    char *peer; /* the address that was tried last */
    int64_t begin_us;
};

static const struct hal9_talk *words(const struct talk *t) {
    return t->r->check->params;
}

static void on_closed(uv_handle_t *h) {
    free(h->data);
}

static void drop_socket(struct talk *t) {
    struct watched *w = HAL9_TAKE_PTR(t->socket);
    if (!w)
        return;
    uv_poll_stop(&w->poll);
    close(w->fd);
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void free_talk(struct talk *t) {
    hal9_resolve_cancel(t->resolve);
    drop_socket(t);
    if (t->list)
        freeaddrinfo(t->list);
    hal9_buf_free(&t->out);
    hal9_buf_free(&t->in);
    free(t->peer);
    free(t);
}

static void cancel(struct hal9_check_run *r) {
    struct talk *t = HAL9_TAKE_PTR(r->own);
    if (t)
        free_talk(t);
}

/* Tells how it went; reason and said are taken. */
static void finish(struct talk *t, enum hal9_check_state state, bool refused, char *reason,
                   char *said) {
    struct hal9_check_run *r = t->r;
    struct hal9_port_outcome *o = hal9_alloc(sizeof(*o));
    o->proto = t->type == SOCK_STREAM ? HAL9_TCP : HAL9_UDP;
    o->any = hal9_streq(words(t)->listener, "any");
    o->state = state;
    o->cause = HAL9_CAUSE_FAILED;
    o->reason = reason;
    o->said = said;
    o->refused = refused;
    hal9_port_outcome_peer(o, t->peer);
    hal9_json_add_str(hal9_check_evidence(r), "peer", t->peer);
    if (t->in.len > 0) {
        _cleanup_free_ char *answer = hal9_escape(t->in.data, t->in.len, SHOWN);
        hal9_json_add_str(hal9_check_evidence(r), "answer", answer);
    }
    cancel(r);
    hal9_port_end(r, o);
}

static void pass(struct talk *t) {
    const int64_t us = hal9_mono_us() - t->begin_us;
    _cleanup_free_ char *span = hal9_span_us_text(us);
    hal9_check_value(t->r, "ms", "%.3f", (double)us / 1000);
    if (t->in.len > 0) {
        _cleanup_free_ char *answer = hal9_escape(t->in.data, t->in.len, SHOWN);
        finish(t, HAL9_CHECK_PASS, false, hal9_strf("'%s' in %s", answer, span),
               hal9_strf("answers '%s'", answer));
    } else
        finish(t, HAL9_CHECK_PASS, false, hal9_strf("connected in %s", span),
               hal9_strdup("accepts connections"));
}

/* The peer said something else, or nothing, and says no more. */
static void fail_answer(struct talk *t, const char *when) {
    const char *expect = words(t)->expect;
    if (t->in.len > 0) {
        _cleanup_free_ char *answer = hal9_escape(t->in.data, t->in.len, SHOWN);
        finish(t, HAL9_CHECK_FAIL, false,
               hal9_strf("%s answers '%s', not '%s'", words(t)->to, answer, expect ? expect : ""),
               hal9_strf("answers '%s'", answer));
    } else
        finish(t, HAL9_CHECK_FAIL, false, hal9_strf("%s: no answer %s", words(t)->to, when),
               hal9_strf("gives no answer %s", when));
}

static void try_next(struct talk *t, int last_error);

static void fail_socket(struct talk *t, int error) {
    drop_socket(t);
    if (!t->connected) {
        try_next(t, error);
        return;
    }
    if (error == ECONNREFUSED)
        finish(t, HAL9_CHECK_FAIL, true,
               hal9_strf("%s: connection refused: nothing listens there", words(t)->to),
               hal9_strdup("refuses"));
    else
        finish(t, HAL9_CHECK_FAIL, false, hal9_strf("%s: %s", words(t)->to, strerror(error)),
               hal9_strdup("breaks the connection"));
}

/* False when the talk is over. */
static bool say(struct talk *t) {
    while (t->sent < t->out.len || (t->type == SOCK_DGRAM && t->sent == 0)) {
        const ssize_t n = send(t->socket->fd, t->out.data ? t->out.data + t->sent : "",
                               t->out.len - t->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0) {
            fail_socket(t, errno);
            return false;
        }
        t->sent += (size_t)n;
        if (t->type == SOCK_DGRAM) {
            t->sent = t->out.len ? t->out.len : 1; /* an empty datagram is one, too */
            break;
        }
    }
    if (t->sent < t->out.len || words(t)->expect || t->type == SOCK_DGRAM)
        return true;
    pass(t);
    return false;
}

static void listen_to(struct talk *t) {
    char bytes[4096];
    for (;;) {
        const ssize_t n = recv(t->socket->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            fail_socket(t, errno);
            return;
        }
        hal9_buf_add(&t->in, bytes, (size_t)n);
        if ((n > 0 || t->type == SOCK_DGRAM) && hal9_talk_holds(words(t), &t->in)) {
            pass(t);
            return;
        }
        if (t->in.len > MAX_ANSWER || (n == 0 && t->type == SOCK_STREAM)) {
            fail_answer(t, "before the connection ended");
            return;
        }
    }
}

static void on_events(uv_poll_t *poll, int status, int events);

static void watch(struct talk *t) {
    const bool writes = !t->connected || t->sent < t->out.len;
    const bool reads = t->connected;
    uv_poll_start(&t->socket->poll, (writes ? UV_WRITABLE : 0) | (reads ? UV_READABLE : 0),
                  on_events);
}

static void on_connected(struct talk *t) {
    t->connected = true;
    if (say(t))
        watch(t);
}

static void on_events(uv_poll_t *poll, int status, int events) {
    struct talk *t = ((struct watched *)poll->data)->talk;
    int error = 0;
    socklen_t length = sizeof(error);
    if (!t->connected) {
        if (getsockopt(t->socket->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
            error = errno;
        if (error != 0)
            fail_socket(t, error);
        else
            on_connected(t);
        return;
    }
    if (events & UV_WRITABLE) {
        if (!say(t))
            return;
        watch(t);
    }
    if (events & UV_READABLE || status < 0)
        listen_to(t);
}

static bool open_socket(struct talk *t, const struct addrinfo *a) {
    const int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return false;
    struct watched *w = hal9_alloc(sizeof(*w));
    w->fd = fd;
    w->talk = t;
    const int code = uv_poll_init_socket(t->r->loop, &w->poll, fd);
    if (code != 0) {
        close(fd);
        free(w);
        errno = -code;
        return false;
    }
    w->poll.data = w;
    t->socket = w;
    return true;
}

static void name_peer(struct talk *t, const struct addrinfo *a) {
    char host[64], port[16];
    free(t->peer);
    t->peer = NULL;
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        t->peer = hal9_strf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void try_next(struct talk *t, int last_error) {
    for (; t->next; last_error = errno) {
        const struct addrinfo *a = t->next;
        t->next = a->ai_next;
        name_peer(t, a);
        if (!open_socket(t, a))
            continue;
        if (connect(t->socket->fd, a->ai_addr, a->ai_addrlen) == 0) {
            on_connected(t);
            return;
        }
        if (errno == EINPROGRESS) {
            watch(t);
            return;
        }
        const int error = errno;
        drop_socket(t);
        errno = error;
    }
    if (last_error == ECONNREFUSED)
        finish(t, HAL9_CHECK_FAIL, true,
               hal9_strf("%s: connection refused: nothing listens there", words(t)->to),
               hal9_strdup("refuses"));
    else
        finish(t, HAL9_CHECK_FAIL, false,
               hal9_strf("%s: cannot connect: %s", words(t)->to, strerror(last_error)),
               hal9_strdup("can't be connected to"));
}

static void on_resolved(void *data, struct addrinfo *list, const char *why) {
    struct talk *t = data;
    t->resolve = NULL;
    if (!list) {
        finish(t, HAL9_CHECK_FAIL, false, hal9_strf("%s: %s", words(t)->to, why),
               hal9_strdup("has no known host"));
        return;
    }
    t->list = t->next = list;
    try_next(t, ENOENT);
}

static void start_talk(struct hal9_check_run *r, int type) {
    const struct hal9_talk *w = r->check->params;
    _cleanup_free_ char *host = NULL, *why = NULL;
    uint16_t port;
    struct talk *t = hal9_alloc(sizeof(*t));
    r->own = t;
    t->r = r;
    t->type = type;
    t->begin_us = hal9_mono_us();
    if (!hal9_host_port(w->to, &host, &port, &why) ||
        (w->send && !hal9_unescape(w->send, &t->out, &why))) {
        cancel(r);
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", why);
        return;
    }
    t->resolve = hal9_resolve_start(r->loop, host, port, type, on_resolved, t);
}

static void on_timeout(struct hal9_check_run *r) {
    struct talk *t = r->own;
    _cleanup_free_ char *span = hal9_span_text(r->check->timeout_ms);
    _cleanup_free_ char *when = hal9_strf("within %s", span);
    /* Silence of UDP says nothing; who has the port may say more. */
    if (t->type == SOCK_DGRAM && !words(t)->expect)
        finish(t, HAL9_CHECK_UNKNOWN, false,
               hal9_strf("%s is silent, which proves nothing: add expect", words(t)->to),
               hal9_strdup("is silent"));
    else if (t->type == SOCK_STREAM && !t->connected)
        finish(t, HAL9_CHECK_FAIL, false, hal9_strf("%s: not connected %s", words(t)->to, when),
               hal9_strf("can't be connected to %s", when));
    else
        fail_answer(t, when);
}

static void start_tcp(struct hal9_check_run *r) {
    start_talk(r, SOCK_STREAM);
}

static void start_udp(struct hal9_check_run *r) {
    start_talk(r, SOCK_DGRAM);
}

static char *tcp_name(const void *params) {
    const struct hal9_talk *w = params;
    return hal9_strf("tcp %s", w->to ? w->to : "");
}

static char *udp_name(const void *params) {
    const struct hal9_talk *w = params;
    return hal9_strf("udp %s", w->to ? w->to : "");
}

/* Where no answer is expected, only a refusal is waited for. */
static void shorten(struct hal9_decoder *d, const struct hal9_node *n, struct hal9_check *c) {
    const struct hal9_talk *w = c->params;
    (void)d;
    if (!w->expect && !hal9_node_get(n, "timeout"))
        c->timeout_ms = 1000;
}

const struct hal9_check_driver hal9_check_tcp_driver = {
    .key = "tcp",
    .doc = "a port that must be connected to, and may have to answer",
    .schema = &hal9_tcp_schema,
    .name = tcp_name,
    .start = start_tcp,
    .cancel = cancel,
    .timeout = on_timeout,
    .look = hal9_port_look,
};

const struct hal9_check_driver hal9_check_udp_driver = {
    .key = "udp",
    .doc = "a UDP port that must not refuse, and may have to answer",
    .schema = &hal9_udp_schema,
    .name = udp_name,
    .finish = shorten,
    .start = start_udp,
    .cancel = cancel,
    .timeout = on_timeout,
    .look = hal9_port_look,
};
