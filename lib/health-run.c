/* One round of checks over services: who is asked, what they depend on, and waiting until all are well. */
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/health.h"

/* A round: verdicts asked for and those of dependencies, over one array of jobs. */
struct round {
    const struct hal9_health *h;
    struct hal9_verdicts all; /* asked first, then dependencies */
    size_t asked;
    struct hal9_service_ref *refs; /* one each */
    struct hal9_strv names;
};

static struct hal9_verdict *add(struct round *r, const char *name, size_t checks) {
    struct hal9_verdict *v = HAL9_APPEND(r->all.v, r->all.n, r->all.cap);

    memset(v, 0, sizeof(*v));
    v->service = hal9_strdup(name);
    v->planned = checks;
    v->jobs = hal9_alloc((checks + 1) * sizeof(*v->jobs));
    return v;
}

static void add_service(struct round *r, const struct hal9_service *s) {
    struct hal9_verdict *v;

    if (hal9_strv_has(&r->names, s->name))
        return;
    hal9_strv_add(&r->names, s->name);
    v = add(r, s->name, s->checks.n);
    for (size_t i = 0; i < s->checks.n; i++)
        v->jobs[i].check = s->checks.v[i];
}

static bool wanted(const struct hal9_health *h, const struct hal9_service *s) {
    return h->services && hal9_strv_has(h->services, s->name);
}

static bool depends_on_wanted(const struct hal9_health *h, const struct hal9_service *s) {
    for (size_t i = 0; i < s->depends.n; i++) {
        const struct hal9_service *d = hal9_config_service(h->config, s->depends.v[i]);

        if (d && (wanted(h, d) || depends_on_wanted(h, d)))
            return true;
    }
    return false;
}

static void collect(struct round *r) {
    const struct hal9_health *h = r->h;
    bool everything = !h->only && h->n_checks == 0 && (!h->services || h->services->n == 0);

    for (size_t i = 0; h->config && i < h->config->services.n; i++) {
        const struct hal9_service *s = h->config->services.v[i];

        if (everything || wanted(h, s) || (h->dependants && depends_on_wanted(h, s)))
            add_service(r, s);
    }
    for (size_t i = 0; i < h->n_checks; i++)
        add(r, h->checks[i]->name, 1)->jobs[0].check = h->checks[i];
    r->asked = r->all.n;
    /* What they depend on is probed as well: it may be why. The list grows while it is walked, so that it is followed to its end. */
    for (size_t i = 0; i < r->all.n; i++) {
        const struct hal9_service *s =
            h->config ? hal9_config_service(h->config, r->all.v[i].service) : NULL;

        for (size_t k = 0; s && k < s->depends.n; k++) {
            const struct hal9_service *d = hal9_config_service(h->config, s->depends.v[k]);

            if (d)
                add_service(r, d);
        }
    }
}

static hal9_status load_refs(struct round *r, struct hal9_error *err) {
    r->refs = hal9_alloc((r->all.n + 1) * sizeof(*r->refs));
    for (size_t i = 0; i < r->all.n; i++) {
        const struct hal9_service *s =
            r->h->config ? hal9_config_service(r->h->config, r->all.v[i].service) : NULL;
        hal9_status rc = s ? hal9_config_ref(s, r->h->state, &r->refs[i], err) : HAL9_OK;

        if (rc != HAL9_OK)
            return rc;
        for (size_t k = 0; s && k < r->all.v[i].planned; k++)
            r->all.v[i].jobs[k].service = &r->refs[i];
    }
    return HAL9_OK;
}

/* All jobs in one array for the one loop, and back into their verdicts. */
static hal9_status probe(struct round *r, struct hal9_error *err) {
    _cleanup_free_ struct hal9_check_job *jobs = NULL;
    size_t n = 0, at = 0;
    hal9_status rc;

    for (size_t i = 0; i < r->all.n; i++)
        n += r->all.v[i].planned;
    jobs = hal9_alloc((n + 1) * sizeof(*jobs));
    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++)
            jobs[at++] = r->all.v[i].jobs[k];
    rc = hal9_checks_run(jobs, n, r->h->deadline_ms, r->h->cancel_fd, err);
    at = 0;
    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++)
            r->all.v[i].jobs[k].result = jobs[at++].result;
    return rc;
}

static const struct hal9_verdict *find(const struct round *r, const char *name) {
    for (size_t i = 0; i < r->all.n; i++)
        if (hal9_streq(r->all.v[i].service, name))
            return &r->all.v[i];
    return NULL;
}

/* A failing dependency is named; where only an answer is wrong, it is the likely cause. */
static void look_at_dependencies(struct round *r) {
    for (size_t i = 0; i < r->asked; i++) {
        struct hal9_verdict *v = &r->all.v[i];
        const struct hal9_service *s =
            r->h->config ? hal9_config_service(r->h->config, v->service) : NULL;

        for (size_t k = 0; s && k < s->depends.n; k++) {
            const struct hal9_verdict *d = find(r, s->depends.v[k]);

            if (d && d->state != HAL9_HEALTHY && d->state != HAL9_DEGRADED)
                hal9_strv_add(&v->blocked_by, d->service);
        }
        if (v->state == HAL9_FAILING && v->blocked_by.n > 0 && hal9_streq(v->cause, "check_failed"))
            v->cause = "dependency";
    }
}

/* What another run of ours works on right now is not news to page for. */
static void look_at_operations(struct round *r) {
    struct hal9_strv open = {0};

    if (!r->h->state || hal9_journal_list_open(r->h->state, &open, NULL) != HAL9_OK) {
        hal9_strv_free(&open);
        return;
    }
    for (size_t i = 0; i < open.n; i++) {
        struct hal9_op op = {0};

        if (hal9_op_load(r->h->state, open.v[i], &op, NULL) == HAL9_OK && op.running &&
            op.service) {
            for (size_t k = 0; k < r->asked; k++) {
                struct hal9_verdict *v = &r->all.v[k];

                if (v->state != HAL9_HEALTHY && hal9_streq(v->service, op.service))
                    v->cause = "operation";
            }
        }
        hal9_op_clear(&op);
    }
    hal9_strv_free(&open);
}

hal9_status hal9_health_run(const struct hal9_health *h, struct hal9_verdicts *ret,
                            struct hal9_error *err) {
    struct round r = {.h = h};
    hal9_status rc;

    collect(&r);
    rc = load_refs(&r, err);
    if (rc == HAL9_OK)
        rc = probe(&r, err);
    if (rc == HAL9_OK) {
        for (size_t i = 0; i < r.all.n; i++)
            hal9_verdict_judge(&r.all.v[i]);
        look_at_dependencies(&r);
        look_at_operations(&r);
    }
    for (size_t i = 0; i < r.all.n; i++) {
        hal9_service_ref_clear(&r.refs[i]);
        for (size_t k = 0; k < r.all.v[i].planned; k++)
            r.all.v[i].jobs[k].service = NULL;
    }
    free(r.refs);
    hal9_strv_free(&r.names);
    if (rc != HAL9_OK) {
        hal9_verdicts_clear(&r.all);
        return rc;
    }
    struct hal9_verdicts rest = {.v = NULL};

    /* The dependencies' own verdicts stay behind. */
    for (size_t i = r.asked; i < r.all.n; i++)
        *HAL9_APPEND(rest.v, rest.n, rest.cap) = r.all.v[i];
    hal9_verdicts_clear(&rest);
    r.all.n = r.asked;
    *ret = r.all;
    return HAL9_OK;
}

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 500
#define LAST_ROUND_MS 100 /* kept for one more round at the end */

/* Whether the end of the time cut checks short: then the round before tells more. */
static bool was_cut(const struct hal9_verdicts *v, int64_t end) {
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].unknown > 0 && hal9_mono_ms() >= end)
            return true;
    return false;
}

static void keep_last(struct hal9_verdicts *last, struct hal9_verdicts *v, int64_t end) {
    struct hal9_verdicts *drop = last->n > 0 && was_cut(v, end) ? v : last;

    hal9_verdicts_clear(drop);
    if (drop == last)
        *last = *v;
}

/* When to ask again, ever more calmly; -1: the time is over. */
static int64_t next_round(int64_t end, int64_t *pause) {
    const int64_t now = hal9_mono_ms(), last = end - LAST_ROUND_MS;
    int64_t next = now + *pause;

    *pause = *pause * 2 < LONGEST_PAUSE_MS ? *pause * 2 : LONGEST_PAUSE_MS;
    if (now >= last)
        return -1;
    return next < last ? next : last;
}

hal9_status hal9_health_wait(const struct hal9_health *h, int64_t within_ms,
                             void (*told)(void *data, const struct hal9_verdicts *v), void *data,
                             struct hal9_verdicts *ret, struct hal9_error *err) {
    int64_t end = hal9_mono_ms() + within_ms, pause = FIRST_PAUSE_MS, next = 0;
    struct hal9_health round = *h;
    struct hal9_verdicts last = {0};
    hal9_status rc = HAL9_OK;

    if (h->deadline_ms >= 0 && h->deadline_ms < end)
        end = h->deadline_ms;
    while (rc == HAL9_OK) {
        struct hal9_verdicts v = {0};

        rc = hal9_health_run(&round, &v, err);
        if (rc != HAL9_OK)
            break;
        keep_last(&last, &v, end);
        if (hal9_health_exit(&last) == 0 || (next = next_round(end, &pause)) < 0) {
            *ret = last;
            return HAL9_OK;
        }
        if (told)
            told(data, &last);
        /* The first round may take the time that its checks want; what comes later ends with the whole. */
        round.deadline_ms = end;
        /* Nothing signals that a service got well: it has to be asked again. */
        rc = hal9_wait_fd(-1, next, h->cancel_fd, err);
    }
    hal9_verdicts_clear(&last);
    return rc;
}
