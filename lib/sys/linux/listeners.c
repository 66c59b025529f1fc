/* Who listens where, in this network namespace. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

/* sock_diag isn't there, or not for this protocol, or forbidden: /proc/net may do. */
static bool lacking(int failed) {
    return failed == ENOENT || failed == EPERM || failed == EACCES || failed == EPROTONOSUPPORT ||
           failed == EAFNOSUPPORT || failed == ENOSYS || failed == EOPNOTSUPP || failed == EINVAL ||
           failed == ECONNREFUSED;
}

int hal9_sockets_dump(int diag, const struct hal9_diag_query *q, hal9_diag_fn fn, void *data) {
    int failed = diag < 0 ? ENOENT : hal9_diag_dump(diag, q, fn, data);
    return lacking(failed) ? hal9_proc_net_dump(q, fn, data) : failed;
}

static void add(const struct hal9_listener *l, void *data) {
    struct hal9_listeners *all = data;
    *HAL9_APPEND(all->v, all->n, all->cap) = *l;
}

static int order(const void *va, const void *vb) {
    const struct hal9_listener *a = va;
    const struct hal9_listener *b = vb;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    if (a->proto != b->proto)
        return a->proto < b->proto ? -1 : 1;
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    int bytes = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
    if (bytes != 0)
        return bytes;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

/* Sorts what was appended from `from` on; a dump that goes on while sockets come and go may tell one twice. */
static void sort_unique(struct hal9_listeners *l, size_t from) {
    if (l->n - from < 2)
        return;
    qsort(l->v + from, l->n - from, sizeof(*l->v), order);
    size_t kept = from + 1;
    for (size_t i = from + 1; i < l->n; i++)
        if (order(&l->v[kept - 1], &l->v[i]) != 0 || l->v[i].inode == 0)
            l->v[kept++] = l->v[i];
    l->n = kept;
}

hal9_status hal9_sock_listeners(const struct hal9_ports *ports, unsigned protos,
                                struct hal9_listeners *ret, struct hal9_error *err) {
    static const int families[] = {AF_INET, AF_INET6};
    static const enum hal9_proto all[] = {HAL9_TCP, HAL9_UDP};
    size_t from = ret->n;
    _cleanup_close_ int diag = hal9_diag_open();
    for (size_t p = 0; p < HAL9_ARRAY_LEN(all); p++) {
        if (!(protos & all[p]))
            continue;
        for (size_t f = 0; f < HAL9_ARRAY_LEN(families); f++) {
            struct hal9_diag_query q = {.family = families[f],
                                        .proto = all[p],
                                        .states =
                                            all[p] == HAL9_UDP ? HAL9_DIAG_CLOSE : HAL9_DIAG_LISTEN,
                                        .ports = ports};
            int failed = hal9_sockets_dump(diag, &q, add, ret);
            if (failed) {
                ret->n = from;
                return hal9_error_errno(err, failed, "cannot list the %s sockets of this host",
                                        all[p] == HAL9_UDP ? "UDP" : "TCP");
            }
        }
    }
    sort_unique(ret, from);
    return HAL9_OK;
}

static void add_first(const struct hal9_listener *l, void *data) {
    struct hal9_listeners *found = data;
    if (found->n == 0)
        add(l, found);
}

hal9_status hal9_sock_first_listener(enum hal9_proto proto, uint16_t port,
                                     struct hal9_listeners *ret, struct hal9_error *err) {
    /* A connection to a loopback address reaches what listens on it, else the wildcard of its family, else the dual-stack one. */
    static const struct hal9_addr loopback[] = {{.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                                {.family = AF_INET6, .bytes = {[15] = 1}}};
    _cleanup_(hal9_listeners_clear) struct hal9_listeners found = {0};
    _cleanup_close_ int diag = proto == HAL9_TCP ? hal9_diag_open() : -1;
    for (size_t i = 0; diag >= 0 && found.n == 0 && i < HAL9_ARRAY_LEN(loopback); i++)
        hal9_diag_exact(diag, &loopback[i], port, add_first,
                        &found); /* its failures are the dump's to tell */
    if (found.n == 0) {
        _cleanup_(hal9_ports_clear) struct hal9_ports one = {0};
        hal9_ports_add(&one, port, port);
        hal9_status status = hal9_sock_listeners(&one, proto, &found, err);
        if (status != HAL9_OK)
            return status;
    }
    if (found.n > 0)
        add(&found.v[0], ret);
    return HAL9_OK;
}

void hal9_listeners_clear(struct hal9_listeners *l) {
    free(l->v);
    *l = (struct hal9_listeners){0};
}

static void count(const struct hal9_listener *l, void *data) {
    (void)l;
    ++*(size_t *)data;
}

hal9_status hal9_sock_connections(uint16_t port, size_t *ret, struct hal9_error *err) {
    static const int families[] = {AF_INET, AF_INET6};
    _cleanup_(hal9_ports_clear) struct hal9_ports one = {0};
    _cleanup_close_ int diag = hal9_diag_open();
    hal9_ports_add(&one, port, port);
    size_t n = 0;
    for (size_t f = 0; f < HAL9_ARRAY_LEN(families); f++) {
        struct hal9_diag_query q = {.family = families[f],
                                    .proto = HAL9_TCP,
                                    .states = HAL9_DIAG_ESTABLISHED,
                                    .ports = &one};
        int failed = hal9_sockets_dump(diag, &q, count, &n);
        if (failed)
            return hal9_error_errno(err, failed, "cannot count the connections of port %u", port);
    }
    *ret = n;
    return HAL9_OK;
}

uint64_t hal9_sock_netns(void) {
    struct stat st;
    return stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
}
