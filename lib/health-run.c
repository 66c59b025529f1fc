/* One look at services: who is asked, what they depend on, and what that means. */
#include <string.h>

#include "base/cleanup.h"
#include "health-internal.h"

static struct hal9_verdict *add(struct hal9_look_round *r, const char *name, size_t checks) {
    struct hal9_verdict *v = HAL9_APPEND(r->all.v, r->all.n, r->all.cap);

    memset(v, 0, sizeof(*v));
    v->service = hal9_strdup(name);
    v->planned = checks;
    v->jobs = hal9_alloc((checks + 1) * sizeof(*v->jobs));
    return v;
}

static void add_service(struct hal9_look_round *r, const struct hal9_service *s) {
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

static void collect(struct hal9_look_round *r) {
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

static hal9_status load_refs(struct hal9_look_round *r, struct hal9_error *err) {
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

hal9_status hal9_look_begin(struct hal9_look_round *r, const struct hal9_health *h,
                            struct hal9_error *err) {
    *r = (struct hal9_look_round){.h = h};
    collect(r);
    for (size_t i = 0; i < r->all.n; i++)
        r->n_jobs += r->all.v[i].planned;
    return load_refs(r, err);
}

/* The mount of its program hangs: no check of it is run, and each says why. */
static bool hangs(const struct hal9_look_round *r, size_t i, const struct hal9_strv *unreachable) {
    const char *exe = r->refs[i].identity.exe;

    return exe && hal9_strv_has(unreachable, exe);
}

static void cannot_tell(struct hal9_check_result *result, const char *exe) {
    hal9_check_result_clear(result);
    result->state = HAL9_CHECK_UNKNOWN;
    result->reason = hal9_strf("%s gave no answer: does its server hang?", exe);
}

hal9_status hal9_look_probe(struct hal9_look_round *r, const bool *which, struct hal9_error *err) {
    _cleanup_free_ struct hal9_check_job *jobs = hal9_alloc((r->n_jobs + 1) * sizeof(*jobs));
    _cleanup_strv_ struct hal9_strv unreachable = {0};
    size_t n = 0, at = 0;
    hal9_status rc;

    hal9_look_unreachable(r, &unreachable);
    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++, at++)
            if ((!which || which[at]) && !hangs(r, i, &unreachable))
                jobs[n++] = r->all.v[i].jobs[k];
    rc = hal9_checks_run(jobs, n, r->h->deadline_ms, r->h->cancel_fd, err);
    n = at = 0;
    for (size_t i = 0; i < r->all.n; i++)
        for (size_t k = 0; k < r->all.v[i].planned; k++, at++)
            if (which && !which[at])
                continue;
            else if (hangs(r, i, &unreachable))
                cannot_tell(&r->all.v[i].jobs[k].result, r->refs[i].identity.exe);
            else
                r->all.v[i].jobs[k].result = jobs[n++].result;
    return rc;
}

static const struct hal9_verdict *find(const struct hal9_look_round *r, const char *name) {
    for (size_t i = 0; i < r->all.n; i++)
        if (hal9_streq(r->all.v[i].service, name))
            return &r->all.v[i];
    return NULL;
}

/* A failing dependency is named; where only an answer is wrong, it is the likely cause. */
static void look_at_dependencies(struct hal9_look_round *r) {
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

/* Whether the operation works on it, alone or with others. */
static bool works_on(const struct hal9_op *op, const char *service) {
    _cleanup_strv_ struct hal9_strv touched = {0};
    _cleanup_free_ char *name = hal9_strf("service:%s", service);

    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(op->plan, "resources"), &touched);
    return hal9_streq(op->service, service) || hal9_strv_has(&touched, name);
}

/* What a person keeps all tools off is told with all that is found, and is nobody's to page for. */
static void look_at_holds(struct hal9_look_round *r) {
    for (size_t i = 0; r->h->state && i < r->asked; i++) {
        struct hal9_verdict *v = &r->all.v[i];
        _cleanup_(hal9_hold_clear) struct hal9_hold h = {0};
        _cleanup_error_ struct hal9_error e = {0};
        bool held = false;

        if (hal9_hold_get(r->h->state, v->service, &h, &held, &e) != HAL9_OK)
            hal9_log(0, "whether %s is held is not known: %s", v->service, e.message);
        if (!held)
            continue;
        _cleanup_free_ char *words = hal9_hold_words(&h), *was = v->reason;

        v->reason = hal9_strf("%s; it is %s%s%s", words, hal9_health_state_name(v->state),
                              was ? ": " : "", was ? was : "");
        v->state = HAL9_HELD;
        v->cause = "held";
    }
}

/* What another run of ours works on right now is not news to page for. */
static void look_at_operations(struct hal9_look_round *r) {
    struct hal9_strv open = {0};

    if (!r->h->state || hal9_journal_list_open(r->h->state, &open, NULL) != HAL9_OK) {
        hal9_strv_free(&open);
        return;
    }
    for (size_t i = 0; i < open.n; i++) {
        struct hal9_op op = {0};

        if (hal9_op_look(r->h->state, open.v[i], &op, NULL) == HAL9_OK && op.running) {
            for (size_t k = 0; k < r->asked; k++) {
                struct hal9_verdict *v = &r->all.v[k];

                if (v->state != HAL9_HEALTHY && works_on(&op, v->service))
                    v->cause = "operation";
            }
        }
        hal9_op_clear(&op);
    }
    hal9_strv_free(&open);
}

void hal9_look_around(struct hal9_look_round *r) {
    look_at_dependencies(r);
    look_at_operations(r);
    look_at_holds(r);
}

void hal9_look_end(struct hal9_look_round *r, struct hal9_verdicts *ret) {
    struct hal9_verdicts rest = {.v = NULL};

    for (size_t i = 0; i < r->all.n; i++) {
        if (r->refs)
            hal9_service_ref_clear(&r->refs[i]);
        for (size_t k = 0; k < r->all.v[i].planned; k++)
            r->all.v[i].jobs[k].service = NULL;
    }
    free(r->refs);
    hal9_strv_free(&r->names);
    /* The dependencies' own verdicts stay behind. */
    for (size_t i = ret ? r->asked : 0; i < r->all.n; i++)
        *HAL9_APPEND(rest.v, rest.n, rest.cap) = r->all.v[i];
    hal9_verdicts_clear(&rest);
    r->all.n = ret ? r->asked : 0;
    if (ret)
        *ret = r->all;
    else
        free(r->all.v);
}

hal9_status hal9_health_run(const struct hal9_health *h, struct hal9_verdicts *ret,
                            struct hal9_error *err) {
    struct hal9_look_round r;
    hal9_status rc = hal9_look_begin(&r, h, err);

    if (rc == HAL9_OK)
        rc = hal9_look_probe(&r, NULL, err);
    for (size_t i = 0; rc == HAL9_OK && i < r.all.n; i++)
        hal9_verdict_judge(&r.all.v[i]);
    if (rc == HAL9_OK)
        hal9_look_around(&r);
    hal9_look_end(&r, rc == HAL9_OK ? ret : NULL);
    return rc;
}
