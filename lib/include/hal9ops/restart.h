/*
 * hal9ops/restart.h - a service stopped and started again, and proven healthy.
 *
 * Floor 6.
 *
 *     struct hal9_restart r = {.config = cfg, .state = state, .gate = true, .deadline_ms = -1, .cancel_fd = -1};
 *     hal9_strv_add(&r.services, "hal9-server");
 *     struct hal9_restart_findings f = {0};
 *     hal9_restart_look(&r, &f, &err);                   // f.v[i]: what runs, what is to be done, why not
 *     hal9_restart_run(&r, &f, &env, &res, &err);
 *     hal9_restart_outcome(&r, &res, &f, &err);          // f.v[i]: how it ended
 */
#ifndef HAL9OPS_RESTART_H
#define HAL9OPS_RESTART_H

#include <hal9ops/config.h>

struct hal9_restart {
    const struct hal9_config *config;
    struct hal9_state *state;  /* NULL-able for looking */
    struct hal9_strv services; /* what to restart, by name */
    bool only_if_down;         /* one that runs and is healthy is left alone */
    struct hal9_strv
        regardless;          /* those of services that are restarted whatever only_if_down says */
    bool gate;               /* false: --no-gate */
    bool no_bundle;          /* its logs are not saved before it is stopped */
    const cJSON *verdicts;   /* the records that named them, by service; NULL-able */
    bool ignore_depends;     /* the guard "depends" is lifted: services it depends on may be ill */
    bool ignore_last_server; /* the guard "last-server" is lifted: fewer than min_up may stay up */
    bool ignore_flap; /* the guard "flap" is lifted: restart.limit and the back-off don't count */
    bool automatic;   /* nobody asked for just this: runs like it back off */
    bool follow;      /* one round of many: it backs off where no limit is configured, too */
    bool
        leave_refused; /* one that is refused is left out and the others go on; false: all or nothing */
    int64_t deadline_ms; /* monotonic, for the looking and the gates; -1 none */
    int cancel_fd;       /* ends the looking; -1 none */
};

enum hal9_restart_answer {
    HAL9_RESTART_TO_DO,
    HAL9_RESTART_HEALTHY, /* only_if_down: it is healthy already */
    HAL9_RESTART_REFUSED, /* refusal tells why */
};
enum hal9_restart_end {
    HAL9_RESTART_UNTOUCHED,   /* nothing was done, or nothing is known of it yet */
    HAL9_RESTART_IS_HEALTHY,  /* restarted and proven healthy, or healthy already */
    HAL9_RESTART_IS_STARTED,  /* restarted; whether it is healthy was not asked */
    HAL9_RESTART_HAS_FAILED,  /* a step of its own failed */
    HAL9_RESTART_IS_REVERTED, /* it failed, and its release before is back and healthy */
    HAL9_RESTART_NOT_REACHED, /* a service it depends on failed before */
};
/* Its server behind a balancer. */
struct hal9_restart_drain {
    const struct hal9_balancer_spec *balancer; /* borrowed from the configuration */
    char *backend, *server;
    char *instance; /* of the balancer when it was looked at; NULL */
    bool take;      /* it is drained; false: only given back what an earlier restart took */
    cJSON *
        back; /* {NAME: {weight?, admin}} to give back; NULL: somebody else had it out of service */
    uint16_t port; /* of this host, whose connections count; 0: none */
};
struct hal9_restart_finding {
    const struct hal9_service *service; /* borrowed from the configuration */
    struct hal9_service_ref ref;
    enum hal9_restart_answer answer;
    bool running;
    bool unfinished;       /* HEALTHY, but an earlier operation on it has no end */
    bool socket_unit;      /* systemd itself has the port for it */
    bool flaps;            /* REFUSED because it was restarted too often: somebody should know */
    const char *guard;     /* REFUSED: the guard that lifts it, static; NULL: none does */
    char *because;         /* restarted after this one, on which it depends; NULL: for itself */
    char *release;         /* what the link of its release says; NULL: it has none */
    char *revert_to;       /* the release that comes back if this one fails; NULL: none does */
    char *revert_not;      /* why none does, in words; NULL */
    struct hal9_strv left; /* running services that depend on it and are not restarted */
    struct hal9_restart_drain *drain; /* NULL: nothing to drain or to give back */
    pid_t pid;                        /* the first of its processes; 0: none */
    char *words;                      /* "hal9-server is running (pid 12, since 02:51)" */
    char *ill;                 /* only_if_down: what is wrong with it although it runs, or NULL */
    struct hal9_error refusal; /* REFUSED: its code is the one to exit by */
    enum hal9_restart_end end; /* these two by hal9_restart_outcome() */
    char *end_words;           /* "hal9-server is healthy (pid 77)" */
};
/* In the order of their dependencies. */
struct hal9_restart_findings {
    struct hal9_restart_finding *v;
    size_t n, cap;
};
/* Frees and zeroes. */
HAL9_API void hal9_restart_findings_clear(struct hal9_restart_findings *f);
/*
 * What runs, what is to be done, and what is in the way; changes nothing. Refused before anything is touched: a service that isn't ours to start
 * (HAL9_E_CONFIG), a kind without driver (HAL9_E_UNSUPPORTED), a missing binary, folder or user, a port that a stranger has, a dependency that is
 * not restarted and not healthy (HAL9_E_REFUSED); what can't be seen by this user (HAL9_E_UNKNOWN). HAL9_E_USAGE: no such service.
 */
HAL9_API hal9_status hal9_restart_look(const struct hal9_restart *r,
                                       struct hal9_restart_findings *ret, struct hal9_error *err);
/*
 * The plan, for each service in the order of its dependencies, independent ones side by side:
 * preflight -> bundle (when there is anything to save) -> drain (when it runs, behind a balancer) -> stop (when it runs) -> port free -> start -> gate ->
 * undrain. Steps are named SERVICE/preflight, SERVICE/bundle, SERVICE/drain, SERVICE/stop, SERVICE/port-8080, SERVICE/start, SERVICE/gate, SERVICE/undrain;
 * those that bring a release back when the start or the gate fails SERVICE/revert-release, -stop, -port-8080, -start, -gate, -undrain. Services behind one
 * backend go one after the other. The first refusal is the error, unless leave_refused. A healthy one with an unfinished operation has a start that is so already: that
 * settles the operation and does nothing else.
 */
HAL9_API hal9_status hal9_restart_plan(const struct hal9_restart *r, struct hal9_plan *ret,
                                       struct hal9_error *err);
/* Plans and acts. f has the findings of a moment ago, so that it isn't looked again before the locks are taken, or is empty; what was found
 * under the locks takes their place. */
HAL9_API hal9_status hal9_restart_run(const struct hal9_restart *r, struct hal9_restart_findings *f,
                                      const struct hal9_op_env *env, struct hal9_op_result *ret,
                                      struct hal9_error *err);
/* How it ended for each service, out of the operation's journal: fills end and end_words. */
HAL9_API hal9_status hal9_restart_outcome(const struct hal9_restart *r,
                                          const struct hal9_op_result *res,
                                          struct hal9_restart_findings *f, struct hal9_error *err);
/* Saves the logs of the services and does nothing else; one that has no `run` will do. A bundle that can't be written is a failed step. */
HAL9_API hal9_status hal9_restart_bundle(const struct hal9_restart *r,
                                         const struct hal9_op_env *env, struct hal9_op_result *ret,
                                         struct hal9_error *err);
/* Kept releases beyond release.keep, oldest last, after it was proven healthy; empty: none. Only told, never removed. */
HAL9_API void hal9_restart_old_releases(const struct hal9_service *s, struct hal9_strv *ret);
/* A warning that the services will end with this session because nothing better can be had here; fresh, or NULL. */
HAL9_API char *hal9_restart_detach_warning(const struct hal9_restart_findings *f);
/* Whether restart acts on a verdict: failing, and its cause not_running, its own check_failed, or port_conflict (when no stranger has the port by
 * now). */
HAL9_API bool hal9_restart_acts_on(const char *state, const char *cause);

#endif
