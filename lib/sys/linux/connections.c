/* TCP connections: which there are, how many, and which processes have them. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

const char *hal9_tcp_state_name(enum hal9_tcp_state s) {
    static const char *const names[] = {"",           "established", "syn-sent",  "syn-recv",
                                        "fin-wait-1", "fin-wait-2",  "time-wait", "close",
                                        "close-wait", "last-ack",    "listen",    "closing"};
    return (size_t)s < HAL9_ARRAY_LEN(names) ? names[s] : "";
}

struct walk {
    const struct hal9_connections_want *want;
    void (*fn)(const struct hal9_connection *c, void *data);
    void *data;
};

static void pass(const struct hal9_connection *c, void *data) {
    const struct walk *w = data;
    if ((!w->want->local_port || w->want->local_port == c->local_port) &&
        (!w->want->peer || hal9_addr_same(w->want->peer, &c->peer)))
        w->fn(c, w->data);
}

hal9_status hal9_connections_each(const struct hal9_connections_want *want,
                                  void (*fn)(const struct hal9_connection *c, void *data),
                                  void *data, struct hal9_error *err) {
    static const int families[] = {AF_INET, AF_INET6};
    struct walk w = {want, fn, data};
    _cleanup_(hal9_ports_clear) struct hal9_ports one = {0};
    _cleanup_close_ int diag = hal9_diag_open();
    if (want->local_port)
        hal9_ports_add(&one, want->local_port, want->local_port);
    for (size_t f = 0; f < HAL9_ARRAY_LEN(families); f++) {
        struct hal9_diag_query q = {.family = families[f],
                                    .proto = HAL9_TCP,
                                    .states = want->states ? want->states
                                                           : ((1u << HAL9_TCP_STATES) - 2) &
                                                                 ~(uint32_t)HAL9_DIAG_LISTEN,
                                    .ports = want->local_port ? &one : NULL,
                                    .connection = pass,
                                    .peer_port = want->peer_port};
        int failed = hal9_sockets_dump(diag, &q, NULL, &w);
        if (failed)
            return hal9_error_errno(err, failed, "cannot list the connections of this host");
    }
    return HAL9_OK;
}

static void count(const struct hal9_connection *c, void *data) {
    struct hal9_connection_counts *counts = data;
    counts->total++;
    if (c->state < HAL9_TCP_STATES)
        counts->by_state[c->state]++;
}

hal9_status hal9_connections_count(const struct hal9_connections_want *want,
                                   struct hal9_connection_counts *ret, struct hal9_error *err) {
    struct hal9_connection_counts counts = {0};
    hal9_status st = hal9_connections_each(want, count, &counts, err);
    if (st == HAL9_OK)
        *ret = counts;
    return st;
}

/* ---- whose ---- */

struct inodes {
    uint64_t *v;
    size_t n, cap;
    size_t hits;
};

static void keep_inode(const struct hal9_connection *c, void *data) {
    struct inodes *i = data;
    if (c->inode)
        *HAL9_APPEND(i->v, i->n, i->cap) = c->inode;
}

static int by_number(const void *a, const void *b) {
    const uint64_t *one = a;
    const uint64_t *two = b;
    return *one < *two ? -1 : *one > *two;
}

static int hit(int fd, uint64_t inode, void *data) {
    struct inodes *i = data;
    (void)fd;
    i->hits += bsearch(&inode, i->v, i->n, sizeof(*i->v), by_number) != NULL;
    return 0;
}

hal9_status hal9_connections_held(const struct hal9_connections_want *want, const pid_t *pids,
                                  size_t n_pids, size_t *ret, struct hal9_error *err) {
    struct inodes i = {0};
    hal9_status st = hal9_connections_each(want, keep_inode, &i, err);
    if (i.n > 1)
        qsort(i.v, i.n, sizeof(*i.v), by_number);
    for (size_t k = 0; st == HAL9_OK && i.n > 0 && k < n_pids; k++) {
        _cleanup_close_ int dir = hal9_procfs_open(pids[k]);
        int failed = dir < 0 ? errno : hal9_fds_each(dir, hit, &i);
        if (failed && failed != ENOENT && failed != ESRCH)
            st = hal9_error_errno(err, failed, "cannot look at the descriptors of process %d",
                                  (int)pids[k]);
    }
    free(i.v);
    if (st == HAL9_OK)
        *ret = i.hits;
    return st;
}
