/* One round of sending: what its threads share. */
#ifndef HAL9_NOTIFY_FLUSH_H
#define HAL9_NOTIFY_FLUSH_H

#include <pthread.h>
#include <stdatomic.h>

#include "notify/notify-internal.h"

struct hal9_entry {
    struct hal9_state *s;
    struct hal9_item item;
    int64_t first_ms; /* when the first of its incident was spooled */
    bool gone;        /* out of the spool */
};
/* What goes to one receiver; one thread does a lane. */
struct hal9_lane {
    const struct hal9_notify_spec *spec; /* NULL: no receiver of this configuration */
    char *dest;
    struct hal9_entry *v;
    size_t n, cap;
    struct hal9_spool_breaker where;
    struct hal9_breaker *breaker;
};
struct hal9_flush {
    const struct hal9_notify *n;
    int64_t deadline_ms; /* monotonic */
    struct hal9_lane *lanes;
    size_t n_lanes, cap_lanes;
    atomic_size_t next; /* lane that no thread has taken yet */
    pthread_mutex_t lock;
    struct hal9_notifications told; /* for the calling thread to tell; under the lock */
};

/* Claims, sends, and settles what became of it; false: this receiver gets nothing more now. */
bool hal9_flush_one(struct hal9_flush *f, const struct hal9_lane *l, struct hal9_entry *e);
/* Whether it may be tried now. */
bool hal9_flush_due(const struct hal9_item *i);

#endif
