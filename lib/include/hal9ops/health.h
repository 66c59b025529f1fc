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

/* What a watch believes of a check, by its rise and fall. */
struct hal9_belief {
    enum hal9_check_state state;
    bool probed;  /* in this round; else its `every` has not come yet, and its result is empty */
    bool decided; /* the newest answer is what is believed */
    int streak, need; /* so many answers in a row say otherwise, of so many that are needed */
};
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
    /* Of a watch only. There the results of jobs are the newest answers; the state is what is believed. */
    struct hal9_belief *beliefs; /* one for each job; NULL: no watch */
    bool changed;                /* state, cause or flapping, since the round before */
    bool has_before;             /* the state has changed */
    enum hal9_health_state before;
    int64_t lasted_ms; /* how long it was so */
    int64_t since_ms;  /* since when it is as it is; wall clock */
    bool flapping;     /* it changes so often that a change is no news */
    size_t changes;    /* of state, lately */
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

/* ---- watch ------------------------------------------------------------------------------------------ */

/*
 * Rounds at a steady pace: each is due a whole number of `every` after the first, however long one takes; what is missed is left out, so that
 * rounds neither drift nor overlap. After an answer that is not what was believed, a check is asked again soon, until
 * its rise or fall decides, while the round lasts.
 *
 *     struct hal9_watch *w = hal9_watch_new(&(struct hal9_watch_spec){.every_ms = 30000});
 *     for (;;) {
 *         struct hal9_round r;
 *         hal9_watch_begin(w, &r);
 *         if (hal9_watch_probe(w, &health, stop_fd, &verdicts, &err) == HAL9_OK) ...
 *         hal9_wait_fd(-1, hal9_watch_next_ms(w), stop_fd, NULL);
 *     }
 */
struct hal9_watch;
struct hal9_watch_spec {
    int64_t every_ms;  /* 0: 30 s */
    int64_t quick_ms;  /* until a check is asked again; 0: a tenth of every, 100 ms to 2 s */
    size_t flap_count; /* more changes of state than this... */
    int64_t flap_ms;   /* ...within this time are flapping; 0: 5 in 10 min */
};
struct hal9_round {
    int number; /* from 1 */
    int64_t
        gap_ms; /* for so long nothing could be probed before it (a suspended machine): neither up nor down; 0: none */
    int64_t
        late_ms; /* the round before took longer than the time between two, by so much; 0: it didn't */
};
/* hal9_watch_free() frees it; NULL is allowed. */
HAL9_API struct hal9_watch *hal9_watch_new(const struct hal9_watch_spec *s);
HAL9_API void hal9_watch_free(struct hal9_watch *w);
/* A round begins now. */
HAL9_API void hal9_watch_begin(struct hal9_watch *w, struct hal9_round *ret);
/* Its checks, asked again where that decides; h may be another one than before (a configuration read anew). stop_fd (-1 none) readable: nothing is
 * asked again; h->cancel_fd ends it at once with HAL9_E_INTERRUPTED. *ret borrows from w, until the next round. */
HAL9_API hal9_status hal9_watch_probe(struct hal9_watch *w, const struct hal9_health *h,
                                      int stop_fd, struct hal9_verdicts *ret,
                                      struct hal9_error *err);
/* When the next round is due (monotonic). */
HAL9_API int64_t hal9_watch_next_ms(const struct hal9_watch *w);

#endif
