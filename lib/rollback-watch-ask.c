/* A watch that looks itself: the plan's Prometheus server is asked for what the triggers want to know. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "hal9ops/check.h"
#include "rollback-watch.h"

/* Nothing is judged by the check: any number is one. */
#define NO_LIMIT "1e300"

enum asked { RATE, P99, REQUESTS, ASKED };
struct asking {
    struct hal9_check *checks[ASKED]; /* NULL: not asked for */
    struct hal9_check_job jobs[ASKED];
    const struct hal9_check_job *of[ASKED];
    size_t n;
};

static hal9_status add(struct asking *a, enum asked which, const struct hal9_metrics_spec *m,
                       const char *query, struct hal9_error *err) {
    _cleanup_json_ cJSON *spec = cJSON_CreateObject();

    hal9_json_add_str(spec, "prometheus", m->prometheus);
    hal9_json_add_str(spec, "query", query);
    hal9_json_add_str(spec, "below", NO_LIMIT);
    hal9_json_add_str(spec, "token", m->token);
    hal9_status st = hal9_check_parse_json(spec, &a->checks[which], err);

    if (st != HAL9_OK)
        return st;
    a->jobs[a->n].check = a->checks[which];
    a->of[which] = &a->jobs[a->n++];
    return HAL9_OK;
}

static void asking_clear(struct asking *a) {
    for (size_t i = 0; i < a->n; i++)
        hal9_check_result_clear(&a->jobs[i].result);
    for (size_t i = 0; i < ASKED; i++)
        hal9_check_free(a->checks[i]);
}

static hal9_status add_all(struct asking *a, const struct hal9_rollback_watch *w,
                           struct hal9_error *err) {
    const struct hal9_metrics_spec *m = w->o.plan->metrics;
    const struct hal9_limit_spec *rate = w->limits[RB_ERROR_RATE];
    hal9_status st = HAL9_OK;

    if (m && m->error_rate && rate)
        st = add(a, RATE, m, m->error_rate->query, err);
    if (st == HAL9_OK && m && m->p99 && w->limits[RB_P99])
        st = add(a, P99, m, m->p99->query, err);
    if (st == HAL9_OK && m && rate && rate->requests)
        st = add(a, REQUESTS, m, rate->requests, err);
    return st;
}

/* NaN: no data. */
static double value_of(const struct hal9_check_job *j) {
    char *end;

    if (!j || !j->result.value || j->result.state == HAL9_CHECK_UNKNOWN)
        return NAN;
    const double value = strtod(j->result.value, &end);

    return *end ? NAN : value;
}

static cJSON *members(const struct hal9_rollback_watch *w, enum rb_metric m, double value,
                      const char *why) {
    cJSON *r = cJSON_CreateObject();

    hal9_json_add_str(r, "metric", rb_metric_name(m));
    hal9_json_add_str(r, "plan", w->o.plan->name);
    if (isfinite(value))
        cJSON_AddNumberToObject(r, "value", value);
    hal9_json_add_str(r, "unit", m == RB_P99 ? "s" : "");
    hal9_json_add_str(r, "reason", why);
    return r;
}

struct telling {
    void (*told)(void *data, cJSON *members);
    void *data;
};

static void take_rate(struct hal9_rollback_watch *w, const struct asking *a, int64_t now,
                      const struct telling *t) {
    const double value = value_of(a->of[RATE]), count = value_of(a->of[REQUESTS]);
    const struct hal9_limit_spec *limit = w->limits[RB_ERROR_RATE];
    const bool few = a->of[REQUESTS] && !(count >= (double)limit->min);
    _cleanup_free_ char *why = NULL;

    if (isnan(value))
        why = hal9_strdup(a->of[RATE]->result.reason);
    else if (few)
        why = isnan(count)
                  ? hal9_strf("requests: %s", a->of[REQUESTS]->result.reason)
                  : hal9_strf("%.6g requests, fewer than %lld", count, (long long)limit->min);
    cJSON *r = members(w, RB_ERROR_RATE, value, why);

    if (isfinite(count))
        cJSON_AddNumberToObject(r, "count", count);
    t->told(t->data, r);
    if (!few)
        rb_collect(w, RB_ERROR_RATE, NULL, NULL, now, value);
}

hal9_status hal9_rollback_watch_ask(struct hal9_rollback_watch *w, int cancel_fd,
                                    void (*told)(void *data, cJSON *members), void *data,
                                    struct hal9_error *err) {
    _cleanup_(asking_clear) struct asking a = {0};
    const struct telling t = {told, data};
    hal9_status st = add_all(&a, w, err);

    if (st != HAL9_OK || a.n == 0)
        return st;
    st = hal9_checks_run(a.jobs, a.n, -1, cancel_fd, err);
    if (st != HAL9_OK)
        return st;
    const int64_t now = hal9_now_ms();

    if (a.of[RATE])
        take_rate(w, &a, now, &t);
    if (a.of[P99]) {
        const double value = value_of(a.of[P99]);

        told(data, members(w, RB_P99, value, isnan(value) ? a.of[P99]->result.reason : NULL));
        rb_collect(w, RB_P99, NULL, NULL, now, value);
    }
    return HAL9_OK;
}

hal9_status hal9_rollback_watch_sources(const struct hal9_rollback_spec *plan,
                                        struct hal9_error *err) {
    const struct hal9_trigger_spec *t = plan->trigger;
    const char *missing = t->error_rate && !(plan->metrics && plan->metrics->error_rate)
                              ? "error_rate"
                          : t->p99 && !(plan->metrics && plan->metrics->p99) ? "p99"
                                                                             : NULL;

    if (!missing)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE,
                   "plan %s has a trigger on %s, but no metrics: tell where to "
                   "ask for it",
                   plan->name, missing);
    hal9_error_hint(err,
                    "write metrics: {prometheus: URL, %s: {query: ...}}, or send samples: "
                    "... | hal9-rollback watch -",
                    missing);
    return HAL9_E_USAGE;
}
