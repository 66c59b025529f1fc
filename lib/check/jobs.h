/* Checks that a gate runs again and again, as its args name them. */
#ifndef HAL9_CHECK_JOBS_H
#define HAL9_CHECK_JOBS_H

#include "hal9ops/check.h"

struct hal9_jobs {
    struct hal9_check_job *v;
    size_t n, cap;
    size_t deciding; /* those that must pass */
};
/* Adds the checks of a list of specs; service is borrowed and may be NULL. */
hal9_status hal9_jobs_add(struct hal9_jobs *jobs, const cJSON *specs,
                          const struct hal9_service_ref *service, struct hal9_error *err);
/* Frees the checks and the results. */
void hal9_jobs_clear(struct hal9_jobs *jobs);
/* Forgets the results of a round. */
void hal9_jobs_forget(struct hal9_jobs *jobs);
/* Whether a check's failure keeps a gate shut: what is the host's only degrades. */
bool hal9_job_decides(const struct hal9_check *c);
/* {check, state, cause, reason, ms, evidence}, fresh. */
cJSON *hal9_job_json(const struct hal9_check_job *j);

#endif
