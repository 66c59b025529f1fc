/* What the files of HAProxy's client share. */
#ifndef HAL9_NET_HAPROXY_INTERNAL_H
#define HAL9_NET_HAPROXY_INTERNAL_H

#include <poll.h>

#include "net/haproxy.h"

#define HAL9_HAPROXY_PARALLEL \
    4 /* connections at once: haproxy shares them out to its threads, and has 10 for all */

struct hal9_haproxy_talk {
    const char *socket;
    int64_t deadline_ms;
    int cancel_fd;
};

/* haproxy-reach.c: connects. HAL9_E_UNKNOWN: nobody there; HAL9_E_PERM, HAL9_E_TIMEOUT, HAL9_E_INTERRUPTED. */
hal9_status hal9_haproxy_reach(const struct hal9_haproxy_talk *t, int *ret_fd,
                               struct hal9_error *err);
/* Waits until any of n (HAL9_HAPROXY_PARALLEL at most) is ready, as poll() does; what: "does not answer". */
hal9_status hal9_haproxy_await(const struct hal9_haproxy_talk *t, struct pollfd *v, size_t n,
                               const char *what, struct hal9_error *err);

#endif
