/* Findings made up for tests: whose ports and processes they tell of need not exist. */
#ifndef HAL9_TESTS_PORTFIX_MADE_H
#define HAL9_TESTS_PORTFIX_MADE_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"

#include "portfix-internal.h"

#define NOW_MS ((int64_t)1795402800000) /* HAL9OPS_NOW of these tests: 2026-11-23T03:00:00Z */

static inline int made_setup(void **state) {
    (void)state;
    setenv("HAL9OPS_NOW", "2026-11-23T03:00:00Z", 1);
    return setenv("TZ", "UTC", 1);
}

/* A port on 127.0.0.1 with one listener for each inode; inodes end with 0. */
static inline struct hal9_port_finding *made_finding(struct hal9_port_findings *all, uint16_t port,
                                                     const uint64_t *inodes) {
    struct hal9_port_finding *f = HAL9_APPEND(all->v, all->n, all->cap);

    *f = (struct hal9_port_finding){.proto = HAL9_TCP, .port = port, .answer = HAL9_PORT_FREE};
    for (; *inodes; inodes++) {
        f->answer = HAL9_PORT_OTHER;
        *HAL9_APPEND(f->listeners.v, f->listeners.n, f->listeners.cap) =
            (struct hal9_listener){.proto = HAL9_TCP,
                                   .addr = {.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                   .port = port,
                                   .inode = *inodes,
                                   .uid = 1000};
    }
    return f;
}

/* A process that has the finding's listener of this number. Its program's inode is made of the name. */
static inline struct hal9_port_holder *made_holder(struct hal9_port_finding *f, size_t listener,
                                                   pid_t pid, const char *name) {
    struct hal9_port_holder *h = HAL9_APPEND(f->holders, f->n_holders, f->cap_holders);

    *h = (struct hal9_port_holder){.address = hal9_strf("127.0.0.1:%u", f->port)};
    h->proc = (struct hal9_proc){.id = {.pid = pid, .start = (uint64_t)pid},
                                 .ppid = 1,
                                 .uid = 0,
                                 .started_ms = NOW_MS - (int64_t)13 * 60 * 1000,
                                 .comm = hal9_strdup(name),
                                 .exe = hal9_strf("/opt/%s", name),
                                 .exe_ino = (ino_t)hal9_crc32c(0, name, strlen(name)) + 1};
    hal9_strv_take(&h->proc.argv, hal9_strf("/opt/%s", name));
    *HAL9_APPEND(h->on, h->n_on, h->cap_on) = (struct hal9_port_hold){listener, 3};
    return h;
}

#endif
