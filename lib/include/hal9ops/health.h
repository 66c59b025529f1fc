/*
 * hal9ops/health.h - verdicts: what is wrong with which service, and why.
 *
 * Floor 6.
 *
 *     struct hal9_health h = {.config = cfg, .state = state, .cancel_fd = -1, .deadline_ms = -1};
 *     struct hal9_verdicts v = {0};
 *     hal9_health_run(&h, &v, &err);
 *     return hal9_health_exit(&v);
 */
#ifndef HAL9OPS_HEALTH_H
#define HAL9OPS_HEALTH_H

#include <hal9ops/check.h>
#include <hal9ops/config.h>

enum hal9_health_state {
    HAL9_HEALTHY,
    HAL9_DEGRADED,
    HAL9_FAILING,
    HAL9_HEALTH_UNKNOWN,
    HAL9_HELD
};
/* "healthy", "degraded", "failing", "unknown", "held". Static. */
HAL9_API const char *hal9_health_state_name(enum hal9_health_state s);

struct hal9_verdict {
    char *service; /* or the check's name, for one of the command line */
    enum hal9_health_state state;
    /* static; NULL when healthy, or where a check could not tell: port_conflict, wrong_owner, not_running, check_failed,
     * dependency, resource, no_checks, operation, held */
    const char *cause;
    char *reason; /* the first thing that is wrong, in words; healthy: "2 of 2 checks, 1.8 ms" */
    double
        score; /* weights passed / weights that ran; 0..1; where none has weight, 1 if all passed */
    struct hal9_strv blocked_by; /* services it depends on that are not healthy */
    const cJSON *evidence;       /* borrowed from the deciding check, NULL-able */
    struct hal9_check_job *jobs;
    size_t planned, passed, failed, unknown;
    int64_t us; /* the slowest check */
};
struct hal9_verdicts {
    struct hal9_verdict *v;
    size_t n, cap;
};
struct hal9_health {
    const struct hal9_config *config;
    struct hal9_state *state;         /* NULL-able */
    const struct hal9_strv *services; /* NULL or empty with no checks: all */
    bool only;                        /* these and no others: none with no checks is none */
    bool dependants;                  /* and those that depend on them */
    struct hal9_check **checks;       /* of the command line: a verdict each; borrowed */
    size_t n_checks;
    int64_t deadline_ms; /* monotonic; -1 none */
    int cancel_fd;
};
/* All checks of all services at once. Dependencies are probed as needed, and told only when asked for. */
HAL9_API hal9_status hal9_health_run(const struct hal9_health *h, struct hal9_verdicts *ret,
                                     struct hal9_error *err);
/* Rounds until all are healthy or within_ms is over; *ret is the last round. told (NULL-able) is called after each round that is not yet healthy. */
HAL9_API hal9_status hal9_health_wait(const struct hal9_health *h, int64_t within_ms,
                                      void (*told)(void *data, const struct hal9_verdicts *v),
                                      void *data, struct hal9_verdicts *ret,
                                      struct hal9_error *err);
HAL9_API void hal9_verdicts_clear(struct hal9_verdicts *v);
/* Whether a check's failure makes its service failing, not only degraded. */
HAL9_API bool hal9_health_critical(const struct hal9_check *c);
/* 0 all healthy; 1 some failing or degraded; 4 none of these, but some unknown. */
HAL9_API int hal9_health_exit(const struct hal9_verdicts *v);
/* The state of one service by the rules: own check failed: failing; a check of the host: degraded; critical moves it. Sets state, cause, reason, score. */
HAL9_API void hal9_verdict_judge(struct hal9_verdict *v);

#endif
