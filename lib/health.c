/* Verdicts: checks of all services at once, judged by rules that never take silence for health. */
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/health.h"

const char *hal9_health_state_name(enum hal9_health_state s) {
    static const char *const names[] = {"healthy", "degraded", "failing", "unknown", "held"};

    return names[s];
}

/* Which cause decides: what must be dealt with first comes first. */
static int rank(const char *cause) {
    static const char *const order[] = {"port_conflict", "wrong_owner", "not_running",
                                        "check_failed", "resource"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(order); i++)
        if (hal9_streq(order[i], cause))
            return (int)i;
    return HAL9_ARRAY_LEN(order);
}

bool hal9_health_critical(const struct hal9_check *c) {
    return c->critical >= 0 ? c->critical == 1 : !c->driver->of_host;
}

/* Of two failed checks the one that decides. With the same cause, what was asked over the wire tells more than who listens. */
static bool decides(const struct hal9_check_job *a, const struct hal9_check_job *b) {
    if (!b)
        return true;
    if (hal9_health_critical(a->check) != hal9_health_critical(b->check))
        return hal9_health_critical(a->check);
    if (rank(a->result.cause) != rank(b->result.cause))
        return rank(a->result.cause) < rank(b->result.cause);
    return hal9_streq(b->check->driver->key, "owner") &&
           !hal9_streq(a->check->driver->key, "owner");
}

static void count(struct hal9_verdict *v, double *weights, double *good) {
    v->passed = v->failed = v->unknown = 0;
    v->us = 0;
    for (size_t i = 0; i < v->planned; i++) {
        const struct hal9_check_job *j = &v->jobs[i];

        if (j->result.state == HAL9_CHECK_SKIPPED)
            continue;
        *weights += j->check->weight;
        *good += j->result.state == HAL9_CHECK_PASS ? j->check->weight : 0;
        v->passed += j->result.state == HAL9_CHECK_PASS;
        v->failed += j->result.state == HAL9_CHECK_FAIL;
        v->unknown += j->result.state == HAL9_CHECK_UNKNOWN;
        if (j->result.us > v->us)
            v->us = j->result.us;
    }
}

static void say(struct hal9_verdict *v, enum hal9_health_state state, const char *cause,
                char *reason) {
    v->state = state;
    v->cause = cause;
    free(v->reason);
    v->reason = reason;
}

void hal9_verdict_judge(struct hal9_verdict *v) {
    const struct hal9_check_job *worst = NULL, *unknown = NULL;
    double weights = 0, good = 0;

    count(v, &weights, &good);
    /* Where nothing has weight, all of it has passed or nothing. */
    v->score = weights > 0 ? good / weights : v->passed > 0 && v->failed + v->unknown == 0;
    v->evidence = NULL;
    for (size_t i = 0; i < v->planned; i++) {
        const struct hal9_check_job *j = &v->jobs[i];

        if (j->result.state == HAL9_CHECK_FAIL && decides(j, worst))
            worst = j;
        if (j->result.state == HAL9_CHECK_UNKNOWN && !unknown)
            unknown = j;
    }
    if (worst && hal9_health_critical(worst->check)) {
        say(v, HAL9_FAILING, worst->result.cause ? worst->result.cause : "check_failed",
            hal9_strdup(worst->result.reason));
    } else if (worst) {
        say(v, HAL9_DEGRADED, worst->result.cause ? worst->result.cause : "resource",
            hal9_strdup(worst->result.reason));
    } else if (unknown) {
        say(v, HAL9_HEALTH_UNKNOWN, NULL, hal9_strdup(unknown->result.reason));
    } else if (v->passed == 0) {
        say(v, HAL9_HEALTH_UNKNOWN, "no_checks",
            hal9_strdup(v->planned == 0 ? "it has no checks, so nothing proves it healthy"
                                        : "none of its checks ran, so nothing proves it healthy"));
    } else {
        _cleanup_free_ char *span = hal9_span_us_text(v->us);

        say(v, HAL9_HEALTHY, NULL, hal9_strf("%zu of %zu checks, %s", v->passed, v->planned, span));
    }
    if (worst || unknown)
        v->evidence = (worst ? worst : unknown)->result.evidence;
}

static void clear_verdict(struct hal9_verdict *v) {
    for (size_t i = 0; i < v->planned; i++)
        hal9_check_result_clear(&v->jobs[i].result);
    free(v->jobs);
    free(v->beliefs);
    free(v->service);
    free(v->reason);
    hal9_strv_free(&v->blocked_by);
}

void hal9_verdicts_clear(struct hal9_verdicts *v) {
    for (size_t i = 0; i < v->n; i++)
        clear_verdict(&v->v[i]);
    free(v->v);
    *v = (struct hal9_verdicts){0};
}

int hal9_health_exit(const struct hal9_verdicts *v) {
    int code = v->n > 0 ? 0 : 4;

    for (size_t i = 0; i < v->n; i++) {
        if (v->v[i].state == HAL9_FAILING || v->v[i].state == HAL9_DEGRADED)
            return 1;
        if (v->v[i].state == HAL9_HEALTH_UNKNOWN)
            code = 4;
    }
    return code;
}
