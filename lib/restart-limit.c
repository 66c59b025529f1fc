/* How often a service may be restarted, and how soon again: restart.limit, and the back-off between automatic runs. */
#include "base/cleanup.h"
#include "restart-internal.h"

#define FIRST_WAIT_MS INT64_C(10000)
#define LONGEST_WAIT_MS INT64_C(600000)
#define CALM_MS INT64_C(600000) /* healthy for so long: what was before doesn't count */
#define KEPT_MS INT64_C(86400000)
#define KEPT ((size_t)100)

static bool backs_off(const struct hal9_restart *r, const struct hal9_service *s) {
    return r->automatic && (s->restart.limit_count > 0 || r->follow);
}

/* Automatic restarts in a row: none any more once it has been healthy for a while after the last. */
static int64_t streak_now(const struct hal9_restart *r, const struct hal9_service *s,
                          const struct hal9_restarts *past) {
    const int64_t calm = s->restart.limit_ms > 0 ? s->restart.limit_ms : CALM_MS;
    const int64_t last = past->n > 0 ? past->times_ms[past->n - 1] : 0;
    struct hal9_proofs proofs = {0};

    if (hal9_proofs_load(r->state, s->name, &proofs, NULL) != HAL9_OK)
        hal9_proofs_clear(&proofs);
    const bool healthy = proofs.time_ms >= last && hal9_now_ms() - proofs.time_ms >= calm;

    hal9_proofs_clear(&proofs);
    return past->n == 0 || healthy ? 0 : past->streak;
}

/* 10 s after the first, doubled with each, 10 min at most. */
static int64_t wait_after(int64_t streak) {
    int64_t wait = FIRST_WAIT_MS;

    for (int64_t i = 1; i < streak && wait < LONGEST_WAIT_MS; i++)
        wait *= 2;
    return wait < LONGEST_WAIT_MS ? wait : LONGEST_WAIT_MS;
}

static void how_to_lift(const char *name, struct hal9_error *err) {
    hal9_error_hint(err,
                    "find out why first: hal9-health %s -v; to restart it all the same: "
                    "hal9-restart %s --yes --force=flap",
                    name, name);
}

static hal9_status too_often(const struct hal9_service *s, const struct hal9_restarts *past,
                             struct hal9_restart_finding *f, struct hal9_error *err) {
    const int64_t now = hal9_now_ms(), from = now - s->restart.limit_ms;
    int count = 0;
    int64_t free_ms = 0; /* when the oldest that counts doesn't any more */
    char clock[16];

    if (s->restart.limit_count == 0)
        return HAL9_OK;
    for (size_t i = past->n; i-- > 0;) {
        if (past->times_ms[i] <= from || past->times_ms[i] > now)
            continue;
        count++;
        if (count == s->restart.limit_count)
            free_ms = past->times_ms[i] + s->restart.limit_ms;
    }
    if (count < s->restart.limit_count)
        return HAL9_OK;
    _cleanup_free_ char *span = hal9_span_text(s->restart.limit_ms);

    f->flaps = true;
    hal9_time_clock(free_ms, clock);
    hal9_error_set(err, HAL9_E_REFUSED,
                   "%s was restarted %d times within %s: more is a loop, not a cure (limit %s; "
                   "the next may be at %s)",
                   s->name, count, span, s->restart.limit, clock);
    how_to_lift(s->name, err);
    return HAL9_E_REFUSED;
}

static hal9_status too_soon(const struct hal9_restart *r, const struct hal9_service *s,
                            const struct hal9_restarts *past, struct hal9_error *err) {
    const int64_t streak = streak_now(r, s, past), now = hal9_now_ms();
    const int64_t last = past->n > 0 ? past->times_ms[past->n - 1] : 0;
    const int64_t left = last + wait_after(streak) - now;

    if (streak == 0 || left <= 0 || last > now)
        return HAL9_OK;
    _cleanup_free_ char *ago = hal9_span_text(now - last), *span = hal9_span_text(left);

    hal9_error_set(err, HAL9_E_REFUSED,
                   "%s was restarted %s ago, automatically %lld time%s in a row: the next one may "
                   "be in %s",
                   s->name, ago, (long long)streak, streak == 1 ? "" : "s", span);
    how_to_lift(s->name, err);
    return HAL9_E_REFUSED;
}

hal9_status hal9_restart_limit(const struct hal9_restart *r, struct hal9_restart_finding *f,
                               struct hal9_error *err) {
    struct hal9_restarts past = {0};
    const struct hal9_service *s = f->service;
    hal9_status st;

    /* One that only comes along has not failed. */
    if (r->ignore_flap || f->because || (s->restart.limit_count == 0 && !backs_off(r, s)))
        return HAL9_OK;
    hal9_restarts_load(r->state, s->name, &past);
    st = too_often(s, &past, f, err);
    if (st == HAL9_OK && backs_off(r, s))
        st = too_soon(r, s, &past, err);
    hal9_restarts_clear(&past);
    if (st != HAL9_OK)
        f->guard = "flap";
    return st;
}

static void count_one(const struct hal9_restart *r, const struct hal9_service *s) {
    _cleanup_error_ struct hal9_error e = {0};
    struct hal9_restarts past = {0};

    hal9_restarts_load(r->state, s->name, &past);
    const int64_t streak = streak_now(r, s, &past) + (r->automatic ? 1 : 0);
    const int64_t keep_ms = s->restart.limit_ms > KEPT_MS ? s->restart.limit_ms : KEPT_MS;
    const size_t limit = (size_t)s->restart.limit_count + 1, keep = limit > KEPT ? limit : KEPT;

    hal9_restarts_clear(&past);
    /* What can't be counted is restarted all the same: it is a rescue. */
    if (hal9_restarts_add(r->state, s->name, keep_ms, keep, streak, &e) != HAL9_OK)
        hal9_log(s->restart.limit_count > 0 ? 0 : 1, "that %s is restarted can't be counted: %s",
                 s->name, e.message);
}

/* ---- the observer between */

static void on_plan(void *data, const char *id, const struct hal9_plan *plan) {
    const struct hal9_restart_counter *c = data;

    for (size_t i = 0; id && c->restart->state && i < c->found->n; i++)
        if (c->found->v[i].answer == HAL9_RESTART_TO_DO)
            count_one(c->restart, c->found->v[i].service);
    if (c->observer && c->observer->on_plan)
        c->observer->on_plan(c->observer->data, id, plan);
}

static void on_step(void *data, const struct hal9_step_report *r) {
    const struct hal9_restart_counter *c = data;

    if (c->observer && c->observer->on_step)
        c->observer->on_step(c->observer->data, r);
}

static void on_progress(void *data, const struct hal9_step_report *r, const char *text) {
    const struct hal9_restart_counter *c = data;

    if (c->observer && c->observer->on_progress)
        c->observer->on_progress(c->observer->data, r, text);
}

static void on_wait(void *data, const char *resource, const struct hal9_lock_note *who) {
    const struct hal9_restart_counter *c = data;

    if (c->observer && c->observer->on_wait)
        c->observer->on_wait(c->observer->data, resource, who);
}

static void on_found(void *data, const char *id, const char *what) {
    const struct hal9_restart_counter *c = data;

    if (c->observer && c->observer->on_found)
        c->observer->on_found(c->observer->data, id, what);
}

static void on_end(void *data, const char *id, enum hal9_op_state state) {
    const struct hal9_restart_counter *c = data;

    if (c->observer && c->observer->on_end)
        c->observer->on_end(c->observer->data, id, state);
}

struct hal9_observer hal9_restart_counting(struct hal9_restart_counter *c) {
    return (struct hal9_observer){.data = c,
                                  .on_plan = on_plan,
                                  .on_step = on_step,
                                  .on_progress = on_progress,
                                  .on_wait = on_wait,
                                  .on_found = on_found,
                                  .on_end = on_end};
}
