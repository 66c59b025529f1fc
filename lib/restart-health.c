/* How a service is now, by those of its checks that a restart can do something about. */
#include "base/cleanup.h"
#include "restart-internal.h"

/* What a restart can do something about: no check of the host, and none told to be uncritical. */
static bool own_check(const struct hal9_check *c) {
    return c->critical != 0 && !c->driver->of_host;
}

struct jobs {
    struct hal9_check_job *v;
    size_t n, cap;
};

static void jobs_clear(struct jobs *j) {
    for (size_t i = 0; i < j->n; i++)
        hal9_check_result_clear(&j->v[i].result);
    free(j->v);
}

/* The worst result: a failure counts before what could not be determined. */
static const struct hal9_check_job *worst(const struct jobs *j, enum hal9_restart_health *ret) {
    const struct hal9_check_job *found = NULL;

    *ret = HAL9_RESTART_WELL;
    for (size_t i = 0; i < j->n; i++) {
        if (j->v[i].result.state == HAL9_CHECK_PASS)
            continue;
        if (j->v[i].result.state == HAL9_CHECK_FAIL) {
            *ret = HAL9_RESTART_ILL;
            return &j->v[i];
        }
        if (!found)
            found = &j->v[i];
        *ret = HAL9_RESTART_UNSURE;
    }
    return found;
}

hal9_status hal9_restart_health(const struct hal9_restart *r, const struct hal9_service *s,
                                const struct hal9_service_ref *ref, enum hal9_restart_health *ret,
                                char **ret_reason, struct hal9_error *err) {
    _cleanup_(jobs_clear) struct jobs jobs = {0};

    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *c = s->checks.v[i];

        if (own_check(c))
            *HAL9_APPEND(jobs.v, jobs.n, jobs.cap) =
                (struct hal9_check_job){.check = c, .service = ref};
    }
    if (jobs.n == 0) {
        *ret = HAL9_RESTART_UNSURE;
        *ret_reason = hal9_strdup("it has no check of its own");
        return HAL9_OK;
    }
    hal9_status st = hal9_checks_run(jobs.v, jobs.n, r->deadline_ms, r->cancel_fd, err);

    if (st != HAL9_OK)
        return st;
    const struct hal9_check_job *why = worst(&jobs, ret);

    if (why)
        *ret_reason = hal9_strdup(why->result.reason ? why->result.reason : why->check->name);
    return HAL9_OK;
}
