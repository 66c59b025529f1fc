/* HAProxy's Runtime API over its sockets: many commands a connection, everything bounded. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/haproxy-internal.h"

enum {
    TIMEOUT_MS = 5000,
    LINE = 15000, /* tune.bufsize is 16384 by default, and not all of that is a line's */
    LINE_PARALLEL = 7500,
    LINE_LEAST = 1000, /* haproxy refuses a smaller tune.bufsize */
    READ_SIZE = 65536,
    ANSWER_MAX = 64 * 1024 * 1024, /* ten thousand servers take less than 2 MiB */
};
#define SEVERITY "set severity-output number"
#define TOO_BIG "The command line is too big"

/* ---- one connection, or some at once ---- */

/* A line of commands on its way, and what came back. */
struct line {
    int fd;
    size_t commands; /* without SEVERITY */
    struct hal9_buf out, in;
    size_t sent;
    bool over; /* the peer has closed; the number of answers tells whether it had to */
};

static void line_clear(struct line *l) {
    if (l->fd >= 0)
        close(l->fd);
    hal9_buf_free(&l->out);
    hal9_buf_free(&l->in);
    *l = (struct line){.fd = -1};
}

static hal9_status send_some(const struct hal9_haproxy_talk *t, struct line *l,
                             struct hal9_error *err) {
    ssize_t n = send(l->fd, l->out.data + l->sent, l->out.len - l->sent, MSG_NOSIGNAL);

    if (n > 0)
        l->sent += (size_t)n;
    if (l->sent == l->out.len)
        shutdown(l->fd, SHUT_WR); /* a master's socket waits for it before it closes */
    if (n >= 0 || errno == EAGAIN || errno == EINTR)
        return HAL9_OK;
    if (errno != EPIPE && errno != ECONNRESET)
        return hal9_error_errno(err, errno, "cannot send to haproxy at %s", t->socket);
    l->sent = l->out.len; /* it takes no more; what it has said is read */
    return HAL9_OK;
}

static hal9_status read_some(const struct hal9_haproxy_talk *t, struct line *l, char *bytes,
                             struct hal9_error *err) {
    ssize_t n = recv(l->fd, bytes, READ_SIZE, 0);

    if (n == 0 || (n < 0 && errno == ECONNRESET))
        l->over = true;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        return hal9_error_errno(err, errno, "cannot read from haproxy at %s", t->socket);
    if (n > 0)
        hal9_buf_add(&l->in, bytes, (size_t)n);
    if (l->in.len > ANSWER_MAX)
        return hal9_error_set(err, HAL9_E_LIMIT, "haproxy at %s answers without end", t->socket);
    return HAL9_OK;
}

/* Sends the lines and reads until all are closed. */
static hal9_status exchange(const struct hal9_haproxy_talk *t, struct line *l, size_t n,
                            struct hal9_error *err) {
    _cleanup_free_ char *bytes = hal9_realloc_array(NULL, READ_SIZE, 1);
    hal9_status st = HAL9_OK;
    size_t open = n;

    for (size_t i = 0; st == HAL9_OK && i < n; i++) {
        st = hal9_haproxy_reach(t, &l[i].fd, err);
        if (st == HAL9_OK)
            st = send_some(t, &l[i], err);
    }
    while (st == HAL9_OK && open > 0) {
        struct pollfd fds[HAL9_HAPROXY_PARALLEL];

        for (size_t i = 0; i < n; i++)
            fds[i] = (struct pollfd){
                .fd = l[i].over ? -1 : l[i].fd,
                .events = (short)(POLLIN | (l[i].sent < l[i].out.len ? POLLOUT : 0))};
        st = hal9_haproxy_await(t, fds, n, "does not answer", err);
        for (size_t i = 0; st == HAL9_OK && i < n; i++) {
            if (fds[i].revents & POLLOUT)
                st = send_some(t, &l[i], err);
            if (st == HAL9_OK && fds[i].revents & ~POLLOUT)
                st = read_some(t, &l[i], bytes, err);
            open -= fds[i].revents && l[i].over;
        }
    }
    return st;
}

/* ---- many commands ---- */

/* Two commands about one server ("set server B/S ...") stay in their order, so in one line. */
static bool same_server(const char *a, const char *b) {
    static const char set[] = "set server ";
    const size_t from = strlen(set);

    if (!hal9_startswith(a, set) || !hal9_startswith(b, set))
        return false;
    const size_t len = strcspn(a + from, " ") + 1;

    return strncmp(a + from, b + from, len) == 0;
}

/* As many of the commands from first on as fit into a line, at least one. */
static void make_line(const struct hal9_strv *commands, size_t first, const char *prefix,
                      size_t room, struct line *l) {
    size_t i = first;

    *l = (struct line){.fd = -1};
    hal9_buf_puts(&l->out, prefix);
    hal9_buf_puts(&l->out, SEVERITY);
    for (; i < commands->n; i++) {
        size_t len = 1 + strlen(prefix) + strlen(commands->v[i]);

        if (i > first && l->out.len + len + 1 > room)
            break;
        hal9_buf_putc(&l->out, ';');
        hal9_buf_puts(&l->out, prefix);
        hal9_buf_puts(&l->out, commands->v[i]);
    }
    if (i < commands->n && i - first > 1 && same_server(commands->v[i - 1], commands->v[i])) {
        i--;
        l->out.len -= 1 + strlen(prefix) + strlen(commands->v[i]);
    }
    hal9_buf_putc(&l->out, '\n');
    l->commands = i - first;
}

static hal9_status broke_off(const struct hal9_haproxy_talk *t, size_t got, size_t wanted,
                             struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_PROTOCOL, "haproxy at %s broke off after %zu of %zu answers",
                   t->socket, got, wanted);
    hal9_error_hint(err, "it was stopped or reloaded meanwhile, or this is no Runtime API");
    return HAL9_E_PROTOCOL;
}

/* The answers of one line, the first of which is that of SEVERITY. *ret_too_big: it refuses such a long line, and did nothing. */
static hal9_status take_answers(const struct hal9_haproxy_talk *t, const struct line *l,
                                size_t wanted, struct hal9_strv *ret, bool *ret_too_big,
                                struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv answers = {0};
    const char *text = l->in.data ? l->in.data : "";

    *ret_too_big = l->in.len < 1000 && strstr(text, TOO_BIG);
    if (*ret_too_big)
        return HAL9_OK;
    hal9_haproxy_split(text, l->commands + 1, &answers);
    if (answers.n < l->commands + 1)
        return broke_off(t, ret->n + (answers.n > 0 ? answers.n - 1 : 0), wanted, err);
    for (size_t i = 1; i <= l->commands; i++) {
        hal9_strv_take(ret, answers.v[i]);
        answers.v[i] = NULL;
    }
    answers.n = 1;
    return HAL9_OK;
}

/* Some lines at once. What a line too long leaves to be done is done again with shorter ones, what is behind it, too: no command minds. */
static hal9_status ask_some(const struct hal9_haproxy_talk *t, const struct hal9_strv *commands,
                            const struct hal9_haproxy_how *how, size_t *room, struct hal9_strv *ret,
                            struct hal9_error *err) {
    struct line l[HAL9_HAPROXY_PARALLEL];
    size_t n = 0, next = ret->n;
    const size_t most = how->parallel ? HAL9_HAPROXY_PARALLEL : 1;
    bool too_big = false;

    while (n < most && next < commands->n) {
        make_line(commands, next, how->prefix ? how->prefix : "", *room, &l[n]);
        next += l[n++].commands;
    }
    hal9_status st = exchange(t, l, n, err);

    for (size_t i = 0; st == HAL9_OK && !too_big && i < n; i++)
        st = take_answers(t, &l[i], commands->n, ret, &too_big, err);
    if (st == HAL9_OK && too_big && *room <= LINE_LEAST)
        st = hal9_error_set(err, HAL9_E_PROTOCOL, "haproxy at %s takes no line of %zu bytes",
                            t->socket, *room);
    *room = too_big ? *room / 2 : *room;
    for (size_t i = 0; i < n; i++)
        line_clear(&l[i]);
    return st;
}

hal9_status hal9_haproxy_ask(const char *socket, const struct hal9_strv *commands,
                             const struct hal9_haproxy_how *how, struct hal9_strv *ret,
                             struct hal9_error *err) {
    struct hal9_haproxy_talk t = {.socket = socket,
                                  .deadline_ms = hal9_mono_ms() +
                                                 (how->timeout_ms ? how->timeout_ms : TIMEOUT_MS),
                                  .cancel_fd = how->cancel_fd};
    struct hal9_strv answers = {0};
    size_t room = how->line ? how->line : how->parallel ? LINE_PARALLEL : LINE;
    hal9_status st = HAL9_OK;

    while (st == HAL9_OK && answers.n < commands->n)
        st = ask_some(&t, commands, how, &room, &answers, err);
    if (st != HAL9_OK) {
        hal9_strv_free(&answers);
        return st;
    }
    hal9_strv_free(ret);
    *ret = answers;
    return HAL9_OK;
}
