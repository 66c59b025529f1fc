/* What a watch remembers of a service: since when it is as it is, and whether it changes too often to be news each time. */
#include <string.h>

#include "base/cleanup.h"
#include "health-internal.h"

void hal9_history_clear(struct hal9_service_history *h) {
    free(h->name);
    free(h->changes);
    *h = (struct hal9_service_history){0};
}

/* Keeps the newest limit + 1: more are never asked for. */
static void add_change(struct hal9_service_history *h, int64_t now_ms, size_t limit) {
    if (h->n_changes > limit) {
        memmove(h->changes, h->changes + 1, limit * sizeof(*h->changes));
        h->n_changes = limit;
    }
    *HAL9_APPEND(h->changes, h->n_changes, h->cap_changes) = now_ms;
}

static size_t changes_since(const struct hal9_service_history *h, int64_t from_ms) {
    size_t n = 0;

    for (size_t i = 0; i < h->n_changes; i++)
        n += h->changes[i] > from_ms;
    return n;
}

void hal9_history_take(struct hal9_service_history *h, const struct hal9_flap *flap, int64_t now_ms,
                       int64_t wall_ms, struct hal9_verdict *v) {
    const bool moved = h->known && h->state != v->state, was_flapping = h->flapping;

    v->has_before = moved;
    v->before = h->state;
    v->lasted_ms = moved && wall_ms > h->since_ms ? wall_ms - h->since_ms : 0;
    if (moved)
        add_change(h, now_ms, flap->count);
    if (moved || !h->known)
        h->since_ms = wall_ms;
    const size_t recent = changes_since(h, now_ms - flap->within_ms);

    /* Once it flaps it has to calm down to half of that, else the end of flapping would flap. */
    h->flapping = recent > (h->flapping ? flap->count / 2 : flap->count);
    v->flapping = h->flapping;
    v->changes = recent;
    v->since_ms = h->since_ms;
    v->changed =
        !h->known || moved || !hal9_streq(h->cause, v->cause) || h->flapping != was_flapping;
    h->known = true;
    h->state = v->state;
    h->cause = v->cause;
}
