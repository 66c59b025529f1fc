/* Rounds of checks for as long as somebody watches: when, of what, and what is believed of the answers. */
#include <string.h>

#include "base/cleanup.h"
#include "health-internal.h"

#define EVERY_MS 30000
#define QUICK_MIN_MS 100
#define QUICK_MAX_MS 2000
#define FLAP_COUNT 5
#define FLAP_MS (INT64_C(10) * 60 * 1000)
#define SLEPT_MS 1000 /* a clock that stopped for longer: the machine was suspended */

struct hal9_watch *hal9_watch_new(const struct hal9_watch_spec *s) {
    struct hal9_watch *w = hal9_alloc(sizeof(*w));

    w->spec = *s;
    if (w->spec.every_ms <= 0)
        w->spec.every_ms = EVERY_MS;
    w->flap = (struct hal9_flap){.count = s->flap_count, .within_ms = s->flap_ms};
    if (s->flap_ms <= 0)
        w->flap = (struct hal9_flap){.count = FLAP_COUNT, .within_ms = FLAP_MS};
    w->tick_ms = w->spec.every_ms;
    w->mono = hal9_mono_ms;
    w->boot = hal9_boot_ms;
    return w;
}

void hal9_watch_free(struct hal9_watch *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->n_checks; i++)
        hal9_memory_clear(&w->checks[i]);
    for (size_t i = 0; i < w->n_services; i++)
        hal9_history_clear(&w->services[i]);
    free(w->checks);
    free(w->services);
    free(w);
}

/* ---- when */

static int64_t quick_ms(const struct hal9_watch *w) {
    const int64_t tenth = w->tick_ms / 10;

    if (w->spec.quick_ms > 0)
        return w->spec.quick_ms;
    return tenth < QUICK_MIN_MS ? QUICK_MIN_MS : tenth > QUICK_MAX_MS ? QUICK_MAX_MS : tenth;
}

void hal9_watch_begin(struct hal9_watch *w, struct hal9_round *ret) {
    const int64_t now = w->mono(), boot = w->boot();
    const int64_t due = w->number == 0 ? now : w->next_ms;
    /* By the clock that never stops, so much longer than planned lies between this round and the last. */
    const int64_t gap = w->number == 0 ? 0 : boot - w->boot_ms - (due - w->slot_ms);

    *ret = (struct hal9_round){.number = ++w->number, .gap_ms = gap > w->tick_ms ? gap : 0};
    if (w->number > 1 && due > w->slot_ms + w->tick_ms)
        ret->late_ms = due - w->slot_ms - w->tick_ms;
    for (size_t i = 0; ret->gap_ms > 0 && i < w->n_checks; i++)
        hal9_memory_gap(&w->checks[i]);
    w->slot_ms = due;
    w->boot_ms = boot;
    /* A process that was stopped wakes up after more than one round was due: those are left out. */
    if (now - due > w->tick_ms)
        w->slot_ms += (now - due) / w->tick_ms * w->tick_ms;
}

static void plan_next(struct hal9_watch *w) {
    const int64_t now = w->mono();

    w->next_ms = w->slot_ms + w->tick_ms;
    if (now > w->next_ms)
        w->next_ms += (now - w->next_ms + w->tick_ms - 1) / w->tick_ms * w->tick_ms;
}

int64_t hal9_watch_next_ms(const struct hal9_watch *w) {
    return w->next_ms;
}

/* ---- of what */

static struct hal9_check_memory *memory_of(struct hal9_watch *w, const char *key) {
    for (size_t i = 0; i < w->n_checks; i++)
        if (!w->checks[i].seen && strcmp(w->checks[i].key, key) == 0)
            return &w->checks[i];
    struct hal9_check_memory *m = HAL9_APPEND(w->checks, w->n_checks, w->cap_checks);

    *m = (struct hal9_check_memory){.key = hal9_strdup(key), .due_ms = w->slot_ms};
    return m;
}

static struct hal9_service_history *history_of(struct hal9_watch *w, const char *name) {
    for (size_t i = 0; i < w->n_services; i++)
        if (strcmp(w->services[i].name, name) == 0)
            return &w->services[i];
    struct hal9_service_history *h = HAL9_APPEND(w->services, w->n_services, w->cap_services);

    *h = (struct hal9_service_history){.name = hal9_strdup(name)};
    return h;
}

/* Indexes into w->checks, one for each job: the array grows, so no pointers. */
static size_t *recall(struct hal9_watch *w, const struct hal9_look_round *r) {
    size_t *at = hal9_alloc((r->n_jobs + 1) * sizeof(*at)), n = 0;

    for (size_t i = 0; i < w->n_checks; i++)
        w->checks[i].seen = w->checks[i].probed = false;
    w->tick_ms = w->spec.every_ms;
    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++) {
            const struct hal9_check *c = r->all.v[i].jobs[k].check;
            _cleanup_free_ char *spec = hal9_json_text(c->spec);
            _cleanup_free_ char *key = hal9_strf("%s\n%s\n%s", r->all.v[i].service, c->name, spec);
            struct hal9_check_memory *m = memory_of(w, key);

            m->seen = true;
            at[n++] = (size_t)(m - w->checks);
            if (c->every_ms > 0 && c->every_ms < w->tick_ms)
                w->tick_ms = c->every_ms;
        }
    return at;
}

/* What the configuration no longer has. */
static void forget(struct hal9_watch *w, const struct hal9_look_round *r) {
    size_t n = 0;

    for (size_t i = 0; i < w->n_services; i++) {
        struct hal9_service_history *h = &w->services[i];
        bool seen = false;

        for (size_t k = 0; k < r->asked && !seen; k++)
            seen = strcmp(r->all.v[k].service, h->name) == 0;
        if (seen)
            w->services[n++] = *h;
        else
            hal9_history_clear(h);
    }
    w->n_services = n;
    n = 0;
    for (size_t i = 0; i < w->n_checks; i++) {
        if (w->checks[i].seen)
            w->checks[n++] = w->checks[i];
        else
            hal9_memory_clear(&w->checks[i]);
    }
    w->n_checks = n;
}

static size_t mark_due(const struct hal9_watch *w, const size_t *at, size_t n, bool *which) {
    size_t due = 0;

    for (size_t i = 0; i < n; i++)
        due += which[i] = w->checks[at[i]].due_ms <= w->slot_ms;
    return due;
}

static size_t mark_open(const struct hal9_watch *w, const size_t *at, size_t n, bool *which) {
    size_t open = 0;

    for (size_t i = 0; i < n; i++) {
        const struct hal9_check_memory *m = &w->checks[at[i]];

        open += which[i] = m->probed && hal9_memory_open(m);
    }
    return open;
}

/* A check's own times are whole numbers of its `every` after its first. */
static void plan_due(struct hal9_watch *w, const size_t *at, const struct hal9_look_round *r,
                     const bool *which) {
    size_t n = 0;

    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++, n++) {
            const int64_t own = r->all.v[i].jobs[k].check->every_ms,
                          every = own > 0 ? own : w->spec.every_ms;
            struct hal9_check_memory *m = &w->checks[at[n]];

            if (which[n])
                m->due_ms += ((w->slot_ms - m->due_ms) / every + 1) * every;
        }
}

/* ---- what is believed */

/* Asks the marked ones. What was asked while the machine fell asleep is neither up nor down: false, nothing is taken. */
static hal9_status ask(struct hal9_watch *w, struct hal9_look_round *r, const size_t *at,
                       const bool *which, bool *ret_slept, struct hal9_error *err) {
    const int64_t stopped = w->boot() - w->mono();
    size_t n = 0;
    hal9_status rc = hal9_look_probe(r, which, err);

    *ret_slept = w->boot() - w->mono() - stopped > SLEPT_MS;
    for (size_t i = 0; rc == HAL9_OK && !*ret_slept && i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++, n++)
            if (which[n])
                hal9_memory_take(&w->checks[at[n]], r->all.v[i].jobs[k].check,
                                 &r->all.v[i].jobs[k].result);
    return rc;
}

/* The first answers, then again those that are not what was believed, as long as the round has time. */
static hal9_status ask_all(struct hal9_watch *w, struct hal9_look_round *r, const size_t *at,
                           int stop_fd, struct hal9_error *err) {
    _cleanup_free_ bool *which = hal9_alloc((r->n_jobs + 1) * sizeof(*which));
    const size_t due = mark_due(w, at, r->n_jobs, which);
    const int64_t end = w->slot_ms + w->tick_ms;
    bool slept = false;
    hal9_status rc = HAL9_OK;

    plan_due(w, at, r, which);
    if (due > 0)
        rc = ask(w, r, at, which, &slept, err);
    if (rc == HAL9_OK && slept)
        rc = ask(w, r, at, which, &slept, err);
    while (rc == HAL9_OK && mark_open(w, at, r->n_jobs, which) > 0) {
        const int64_t again = w->mono() + quick_ms(w);

        if (again >= end || (r->h->deadline_ms >= 0 && again >= r->h->deadline_ms) ||
            hal9_wait_fd(-1, again, stop_fd, NULL) != HAL9_OK)
            break;
        rc = ask(w, r, at, which, &slept, err);
    }
    return rc;
}

/* By what is believed, not by the newest answers; the evidence stays the memory's. */
static void judge(struct hal9_watch *w, const size_t *at, struct hal9_verdict *v) {
    struct hal9_check_job *newest = v->jobs;
    _cleanup_free_ struct hal9_check_job *believed =
        hal9_alloc((v->planned + 1) * sizeof(*believed));

    v->beliefs = hal9_alloc((v->planned + 1) * sizeof(*v->beliefs));
    for (size_t k = 0; k < v->planned; k++) {
        const struct hal9_check_memory *m = &w->checks[at[k]];

        believed[k] = newest[k];
        believed[k].result = m->believed;
        if (!m->last.reason)
            believed[k].result.state = HAL9_CHECK_SKIPPED;
        v->beliefs[k] = hal9_memory_belief(m, newest[k].check);
    }
    v->jobs = believed;
    hal9_verdict_judge(v);
    v->jobs = newest;
}

hal9_status hal9_watch_probe(struct hal9_watch *w, const struct hal9_health *h, int stop_fd,
                             struct hal9_verdicts *ret, struct hal9_error *err) {
    struct hal9_look_round r;
    _cleanup_free_ size_t *at = NULL;
    hal9_status rc = hal9_look_begin(&r, h, err);

    if (rc == HAL9_OK) {
        at = recall(w, &r);
        rc = ask_all(w, &r, at, stop_fd, err);
    }
    plan_next(w);
    if (rc != HAL9_OK) {
        hal9_look_end(&r, NULL);
        return rc;
    }
    for (size_t i = 0, n = 0; i < r.all.n; n += r.all.v[i++].planned)
        judge(w, at + n, &r.all.v[i]);
    hal9_look_around(&r);
    for (size_t i = 0; i < r.asked; i++)
        hal9_history_take(history_of(w, r.all.v[i].service), &w->flap, w->boot(), hal9_now_ms(),
                          &r.all.v[i]);
    forget(w, &r);
    hal9_look_end(&r, ret);
    return HAL9_OK;
}
