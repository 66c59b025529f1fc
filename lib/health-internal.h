/* What the files of health share: a look at services in its parts, and what a watch remembers. */
#ifndef HAL9_HEALTH_INTERNAL_H
#define HAL9_HEALTH_INTERNAL_H

#include "hal9ops/health.h"

/* ---- one look (health-run.c) -------------------------------------------------------------------- */

/* Verdicts asked for, then those of what they depend on; their jobs count from 0 to n_jobs through all of them. */
struct hal9_look_round {
    const struct hal9_health *h;
    struct hal9_verdicts all;
    size_t asked, n_jobs;
    struct hal9_service_ref *refs; /* one for each verdict */
    struct hal9_strv names;
};
/* Who is asked, with their checks. hal9_look_end() it, whatever came of it. */
hal9_status hal9_look_begin(struct hal9_look_round *r, const struct hal9_health *h,
                            struct hal9_error *err);
/* Runs the jobs that are marked, all at once; NULL: every job. */
hal9_status hal9_look_probe(struct hal9_look_round *r, const bool *which, struct hal9_error *err);
/* Paths of services' programs that give no answer (health-reach.c): nothing of theirs may be looked at. */
void hal9_look_unreachable(const struct hal9_look_round *r, struct hal9_strv *ret);
/* After all were judged: whom they wait for, and what another run works on. */
void hal9_look_around(struct hal9_look_round *r);
/* The verdicts that were asked for; NULL: none. */
void hal9_look_end(struct hal9_look_round *r, struct hal9_verdicts *ret);

/* ---- what a watch remembers of a check (health-belief.c) ------------------------------------------ */

struct hal9_check_memory {
    char *key; /* service, check and its spec: what was configured anew begins anew */
    bool seen; /* in this round */
    bool probed;
    int64_t due_ms;                    /* monotonic; of its own `every` */
    struct hal9_check_result last;     /* the newest answer */
    struct hal9_check_result believed; /* the newest answer of the state that is believed */
    bool decided;                      /* else believed is unknown, and says how far it is */
    int passes, fails, unknowns, bad;  /* in a row; bad: fails and unknowns */
};
void hal9_result_copy(struct hal9_check_result *to, const struct hal9_check_result *from);
void hal9_memory_clear(struct hal9_check_memory *m);
/* Takes in an answer. */
void hal9_memory_take(struct hal9_check_memory *m, const struct hal9_check *c,
                      const struct hal9_check_result *r);
/* Whether the newest answer is not what is believed, so that asking again soon would tell. */
bool hal9_memory_open(const struct hal9_check_memory *m);
/* Nothing was probed for a while: what was in a row is no more. */
void hal9_memory_gap(struct hal9_check_memory *m);
struct hal9_belief hal9_memory_belief(const struct hal9_check_memory *m,
                                      const struct hal9_check *c);

/* ---- what a watch remembers of a service (health-flap.c) ------------------------------------------- */

struct hal9_flap { /* more changes than count within_ms: flapping */
    size_t count;
    int64_t within_ms;
};
struct hal9_service_history {
    char *name;
    bool seen, known, flapping;
    enum hal9_health_state state;
    const char *cause; /* static */
    int64_t since_ms;  /* wall clock */
    int64_t *changes;  /* when the state changed, oldest first */
    size_t n_changes, cap_changes;
};
void hal9_history_clear(struct hal9_service_history *h);
/* Takes in a verdict, and fills in what is of a watch in it. now_ms: a clock that goes on while the machine sleeps. */
void hal9_history_take(struct hal9_service_history *h, const struct hal9_flap *flap, int64_t now_ms,
                       int64_t wall_ms, struct hal9_verdict *v);

/* ---- the watch (health-watch.c) --------------------------------------------------------------------- */

struct hal9_watch {
    struct hal9_watch_spec spec;
    struct hal9_flap flap;
    struct hal9_check_memory *checks;
    size_t n_checks, cap_checks;
    struct hal9_service_history *services;
    size_t n_services, cap_services;
    int number; /* of the round at hand */
    int64_t slot_ms, tick_ms,
        next_ms;     /* monotonic: when this round was due, how far rounds are apart, the next */
    int64_t boot_ms; /* when this round began, by the clock that never stops */
    /* The clocks, for tests. */
    int64_t (*mono)(void);
    int64_t (*boot)(void);
};

#endif
