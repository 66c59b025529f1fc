/* Checks that a gate runs again and again. */
#include "check/jobs.h"
#include "check/look.h"

#include "base/cleanup.h"

bool hal9_job_decides(const struct hal9_check *c) {
    return c->critical < 0 ? !c->driver->of_host : c->critical;
}

hal9_status hal9_jobs_add(struct hal9_jobs *jobs, const cJSON *specs,
                          const struct hal9_service_ref *service, struct hal9_error *err) {
    const cJSON *spec;
    cJSON_ArrayForEach(spec, specs) {
        struct hal9_check *c = NULL;
        hal9_status status = hal9_check_parse_json(spec, &c, err);
        if (status != HAL9_OK)
            return status;
        *HAL9_APPEND(jobs->v, jobs->n, jobs->cap) =
            (struct hal9_check_job){.check = c, .service = service};
        jobs->deciding += hal9_job_decides(c);
    }
    return HAL9_OK;
}

void hal9_jobs_forget(struct hal9_jobs *jobs) {
    for (size_t i = 0; i < jobs->n; i++)
        hal9_check_result_clear(&jobs->v[i].result);
}

void hal9_jobs_clear(struct hal9_jobs *jobs) {
    hal9_jobs_forget(jobs);
    for (size_t i = 0; i < jobs->n; i++)
        hal9_check_free((struct hal9_check *)jobs->v[i].check);
    free(jobs->v);
    *jobs = (struct hal9_jobs){0};
}

cJSON *hal9_job_json(const struct hal9_check_job *j) {
    const struct hal9_check_result *r = &j->result;
    cJSON *o = cJSON_CreateObject();
    if (j->service)
        hal9_json_add_str(o, "service", hal9_service_word(j->service));
    hal9_json_add_str(o, "check", j->check->name);
    hal9_json_add_str(o, "state", hal9_check_state_name(r->state));
    hal9_json_add_str(o, "cause", r->cause);
    hal9_json_add_str(o, "reason", r->reason);
    cJSON_AddNumberToObject(o, "ms", (double)r->us / 1000);
    if (r->evidence)
        cJSON_AddItemToObject(o, "evidence", cJSON_Duplicate(r->evidence, true));
    return o;
}
