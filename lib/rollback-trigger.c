/* Windows, hysteresis, cool-down and attempts of a rollback that comes by itself. */
#include "rollback-trigger.h"

#include <math.h>
#include <stdlib.h>

/* ---- one series ---- */

static bool is_beyond(const struct rb_rule *r, double value) {
    return r->below ? value < r->limit : value > r->limit;
}

static bool is_well(const struct rb_rule *r, double value) {
    return r->below ? value >= r->clear : value <= r->clear;
}

static void begin_anew(struct rb_window *w) {
    *w = (struct rb_window){0};
}

/* Before it has fired one good sample ends it; after, as many as it takes to fire. */
static enum rb_said take_well(struct rb_window *w, const struct rb_rule *r) {
    const bool fired = w->fired;

    w->beyond = 0;
    w->well++;
    if (!w->over || (fired && w->well < r->samples))
        return RB_TAKEN;
    w->over = w->fired = false;
    return fired ? RB_CLEARS : RB_TAKEN;
}

static enum rb_said take_beyond(struct rb_window *w, const struct rb_rule *r) {
    if (!w->over)
        w->since_ms = w->last_ms;
    w->over = true;
    w->well = 0;
    w->beyond++;
    if (w->last_ms - w->since_ms < r->over_ms || w->beyond < r->samples)
        return RB_TAKEN;
    w->fired = true;
    return RB_FIRES;
}

enum rb_said rb_window_take(struct rb_window *w, const struct rb_rule *r, int64_t time_ms,
                            double value) {
    if (isnan(value))
        return RB_NOTHING;
    if (w->any && time_ms <= w->last_ms && w->last_ms - time_ms <= r->over_ms + r->gap_ms)
        return RB_NOTHING;
    if (w->any && (time_ms <= w->last_ms || time_ms - w->last_ms > r->gap_ms))
        begin_anew(w);
    w->any = true;
    w->last_ms = time_ms;
    if (is_beyond(r, value))
        return take_beyond(w, r);
    if (is_well(r, value))
        return take_well(w, r);
    /* In between: it goes on as it is, and counts for neither. */
    w->beyond = w->well = 0;
    return RB_TAKEN;
}

/* ---- all that was tried ---- */

/* One that was killed before there was an operation has done nothing: there is nothing to cool down from. */
static bool has_acted(const struct hal9_attempt *a) {
    return a->ended_ms > 0 || a->operation;
}

static int64_t when(const struct hal9_attempt *a) {
    return a->ended_ms > 0 ? a->ended_ms : a->begun_ms;
}

static void forget(struct hal9_attempts *a, int64_t within_ms, int64_t now_ms) {
    size_t kept = 0;

    for (size_t i = 0; i < a->n; i++) {
        struct hal9_attempt *one = &a->v[i];

        if (one->begun_ms > now_ms)
            one->begun_ms = now_ms;
        if (one->ended_ms > now_ms)
            one->ended_ms = now_ms;
        if (now_ms - when(one) > within_ms)
            hal9_attempt_clear(one);
        else
            a->v[kept++] = *one;
    }
    a->n = kept;
}

enum hal9_watch_action rb_decide(const struct hal9_trigger_spec *t, struct hal9_attempts *a,
                                 int64_t now_ms, int64_t *ret_until_ms) {
    int64_t until = INT64_MIN;

    *ret_until_ms = 0;
    if (a->stopped_ms > 0)
        return HAL9_WATCH_ATTEMPTS;
    forget(a, t->within_ms, now_ms);
    for (size_t i = 0; i < a->n; i++)
        if (has_acted(&a->v[i]) && when(&a->v[i]) + t->cooldown_ms > until)
            until = when(&a->v[i]) + t->cooldown_ms;
    if (now_ms < until) {
        *ret_until_ms = until;
        return HAL9_WATCH_COOLDOWN;
    }
    return (int64_t)a->n >= t->attempts ? HAL9_WATCH_ATTEMPTS : HAL9_WATCH_FIRED;
}
