/* What a receiver is to hear of a verdict: levels, hysteresis, flapping. Pure. */
#include "base/cleanup.h"
#include "notify/notify-internal.h"

static const char *const states[] = {"healthy", "degraded", "unknown", "failing"};

bool hal9_notify_wants(const struct hal9_notify_spec *spec, const char *event) {
    if (spec->on.n == 0)
        return hal9_streq(event, "failing") || hal9_streq(event, "recovered");
    return hal9_strv_has(&spec->on, event);
}

/* The level of a state as this receiver sees it; false: it says nothing to it. What it doesn't want
 * to hear of and isn't bad for the service itself is as good as well. */
static bool level_of(const struct hal9_notify_spec *spec, const char *state, enum hal9_level *ret) {
    for (int i = HAL9_LEVEL_WELL; i <= HAL9_LEVEL_FAILING; i++) {
        if (!hal9_streq(states[i], state))
            continue;
        *ret = (enum hal9_level)i;
        if (i == HAL9_LEVEL_WELL || hal9_notify_wants(spec, state))
            return true;
        *ret = HAL9_LEVEL_WELL;
        return i == HAL9_LEVEL_DEGRADED;
    }
    return false;
}

/* A moment ahead is a clock that was set back: counted from now. */
static int64_t since(int64_t then, int64_t now) {
    return now > then ? now - then : 0;
}

static const char *worse(struct hal9_told *t, enum hal9_level level, int64_t now, int64_t calm) {
    if (t->level == HAL9_LEVEL_WELL) {
        const bool soon = t->resolved_ms > 0 && since(t->resolved_ms, now) < calm;
        t->flaps = soon ? t->flaps + 1 : 0;
    }
    t->level = level;
    t->better_ms = 0;
    return states[level];
}

static const char *better(struct hal9_told *t, enum hal9_level level, int64_t now, int64_t calm,
                          const struct hal9_notify_spec *spec) {
    if (t->better_ms == 0 || t->better_ms > now)
        t->better_ms = now;
    const bool calmed = since(t->better_ms, now) >= calm;
    /* Not so bad any more, for long: when it gets worse again that is news. */
    if (level != HAL9_LEVEL_WELL) {
        if (calmed) {
            t->level = level;
            t->better_ms = 0;
        }
        return NULL;
    }
    if (t->flaps > 0 && !calmed)
        return NULL;
    t->level = HAL9_LEVEL_WELL;
    t->better_ms = 0;
    t->resolved_ms = now;
    return hal9_notify_wants(spec, "recovered") ? "recovered" : NULL;
}

const char *hal9_told_step(struct hal9_told *t, const struct hal9_notify_spec *spec,
                           const char *state, int64_t now_ms, int64_t calm_ms, bool *changed) {
    const struct hal9_told before = *t;
    const char *event = NULL;
    enum hal9_level level;
    *changed = false;
    if (!level_of(spec, state, &level))
        return NULL;
    if (level > t->level)
        event = worse(t, level, now_ms, calm_ms);
    else if (level < t->level)
        event = better(t, level, now_ms, calm_ms, spec);
    else
        t->better_ms = 0;
    *changed = before.level != t->level || before.better_ms != t->better_ms ||
               before.resolved_ms != t->resolved_ms || before.flaps != t->flaps;
    return event;
}
