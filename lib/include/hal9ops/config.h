/*
 * hal9ops/config.h - hal9.yaml: the truth about the site, for all five commands.
 *
 * Floor 5. Composes the rooms' schema tables; registry of step kinds.
 *
 *     struct hal9_config *cfg;
 *     struct hal9_errors errors = {0};
 *     if (hal9_config_load(option, &cfg, &errors) != HAL9_OK) ... each of errors has file, line,
 * col, hint const struct hal9_service *s = hal9_config_service(cfg, "hal9-server");
 */
#ifndef HAL9OPS_CONFIG_H
#define HAL9OPS_CONFIG_H

#include <hal9ops/balancer.h>
#include <hal9ops/capacity.h>
#include <hal9ops/check.h>
#include <hal9ops/doc.h>
#include <hal9ops/flag.h>
#include <hal9ops/notify.h>
#include <hal9ops/workload.h>

struct hal9_gate_spec {
    int64_t within_ms;
    int64_t interval_ms;
    int rise;
};
struct hal9_restart_spec {
    char *limit;
    int limit_count;
    int64_t limit_ms;
    bool dependants;
}; /* limit: "5 in 10m" */
struct hal9_logs_spec {
    struct hal9_strv files;
    char *journal;
    int64_t last_ms;
    uint64_t max;
    int64_t within_ms;
};
struct hal9_drain_spec {
    char *balancer, *backend, *server;
    int64_t timeout_ms, grace_ms;
    int64_t min_up;
};
struct hal9_release_spec {
    char *current;
    int64_t keep;
    char *revert;
};

struct hal9_service {
    char *name;
    struct hal9_ports ports;       /* TCP; of port and ports */
    struct hal9_run_spec *run;     /* NULL: not ours to start */
    struct hal9_identity identity; /* told, or by run */
    struct hal9_stop_spec stop;
    struct hal9_strv preflight;
    struct hal9_gate_spec gate;
    struct hal9_strv conflicts;
    struct hal9_strv depends;
    struct hal9_restart_spec restart;
    struct hal9_list checks; /* struct hal9_check *; an owner check for each port comes first */
    struct hal9_logs_spec *logs;
    struct hal9_drain_spec *drain;
    struct hal9_release_spec *release;
    const struct hal9_node *node; /* its place in the file */
};

/* One thing that a rollback plan covers: exactly one of balancer, flags, files, release, command and
 * service is set. */
struct hal9_part_spec {
    char *balancer, *backend;
    struct hal9_strv fresh; /* key: new; servers of the new path */
    char *flags;
    struct hal9_strv files;
    char *release;
    char *command; /* its name, with the argvs of the next line */
    struct hal9_strv apply, verify, state, revert;
    int64_t timeout_ms;
    char *service;
    const struct hal9_node *node; /* its place in the file */
    struct hal9_strv needs;       /* other parts: by kind, by the source's word or by name */
    int64_t drain_timeout_ms,
        grace_ms; /* of a balancer part: how long new servers may take to get empty */
};
/* metrics: {prometheus: URL, error_rate: {query, below}, p99: {query, below}} */
struct hal9_metric_spec {
    char *query, *below;
};
struct hal9_metrics_spec {
    char *prometheus, *token;
    struct hal9_metric_spec *error_rate, *p99;
};
/* The checks that they stand for, as specs: an array, empty without metrics (m NULL). Fresh. */
HAL9_API cJSON *hal9_metrics_checks(const struct hal9_metrics_spec *m);
/* trigger.error_rate, p99, score: what it must not go beyond, and for how long */
struct hal9_limit_spec {
    double limit; /* a part of 1, seconds, a score */
    double clear; /* back to this it is well again */
    int64_t over_ms;
    int64_t min;                /* error_rate: of fewer requests it tells nothing */
    char *requests;             /* error_rate: PromQL of their number, or NULL */
    int64_t limit_ms, clear_ms; /* p99 as written */
};
/* trigger: when the rollback is due by itself */
struct hal9_trigger_spec {
    struct hal9_limit_spec *error_rate, *p99, *score; /* NULL: none */
    int64_t samples; /* so many in a row go beyond, or are well again */
    int64_t gap_ms;  /* without a sample for longer nothing is known; 0: as long as `over` */
    int64_t cooldown_ms, attempts, within_ms, every_ms;
    char *to, *strategy;
};
/* A phase of a migration's way forward. */
struct hal9_phase_spec {
    char *name;
    int64_t share;  /* percent of the traffic that goes to the new servers */
    int64_t for_ms; /* told, or the way's every */
    bool has_for;
    struct hal9_strv run, revert; /* commands; empty: none */
    cJSON *set;                   /* {FLAG: WORD}, or NULL */
    char *release;                /* what the plan's release points to from then on, or NULL */
    struct hal9_list validate;    /* struct hal9_check * */
};
struct hal9_forward_spec {
    int64_t every_ms;
    struct hal9_list phases; /* struct hal9_phase_spec *, with shares that don't fall */
};
struct hal9_rollback_spec {
    char *name;
    struct hal9_list parts; /* struct hal9_part_spec * */
    struct hal9_strv health;
    struct hal9_strv stops; /* gradual.stops: a number, or shares in percent */
    int64_t every_ms;
    int64_t on_unknown_ms;
    struct hal9_metrics_spec *metrics; /* or NULL */
    struct hal9_forward_spec *forward; /* or NULL */
    int64_t verify_tries, verify_every_ms;
    struct hal9_trigger_spec *trigger; /* or NULL */
    int64_t keep;                      /* so many snapshots without a name stay; 0: all */
    const struct hal9_node *node;
};

struct hal9_config {
    char *path; /* the file; NULL: no configuration was found */
    int64_t version;
    char *state;
    bool staging;
    char *environment;          /* its name; NULL: none was told */
    struct hal9_list services;  /* struct hal9_service *, in the file's order */
    struct hal9_list balancers; /* struct hal9_balancer_spec * */
    struct hal9_list flags;     /* struct hal9_flag_spec * */
    struct hal9_list rollback;  /* struct hal9_rollback_spec * */
    struct hal9_list scale;     /* struct hal9_scale_spec * */
    struct hal9_list notify;    /* struct hal9_notify_spec * */
    struct hal9_list docs;      /* struct hal9_doc *: the files as read */
};
/* option: --config; NULL: HAL9OPS_CONFIG, ./hal9.yaml, $XDG_CONFIG_HOME/hal9ops/hal9.yaml,
 * /etc/hal9ops/hal9.yaml. conf.d/ *.yaml beside it is merged. A told file that is missing is an
 * error; none at all gives an empty configuration with path NULL. Root refuses a file that others
 * own or may write. HAL9_E_CONFIG: *errors has them all. */
HAL9_API hal9_status hal9_config_load(const char *option, struct hal9_config **ret,
                                      struct hal9_errors *errors);
HAL9_API void hal9_config_free(struct hal9_config *c);
HAL9_API const struct hal9_service *hal9_config_service(const struct hal9_config *c,
                                                        const char *name);
/* HAL9_E_USAGE: "no service 'hal9-serve' in hal9.yaml; did you mean 'hal9-server'?" */
HAL9_API hal9_status hal9_config_need_service(const struct hal9_config *c, const char *name,
                                              const struct hal9_service **ret,
                                              struct hal9_error *err);
/* The service that names this TCP port, or NULL. */
HAL9_API const struct hal9_service *hal9_config_port_owner(const struct hal9_config *c,
                                                           uint16_t port);
/* Services so that each comes after what it depends on. only: these and nothing else; NULL: all.
 * Fresh array of borrowed pointers. */
HAL9_API const struct hal9_service **hal9_config_order(const struct hal9_config *c,
                                                       const struct hal9_strv *only, size_t *ret_n);
/* The service's processes: ref of its run, identity and record. */
HAL9_API hal9_status hal9_config_ref(const struct hal9_service *s, struct hal9_state *state,
                                     struct hal9_service_ref *ret, struct hal9_error *err);
/* Every reference to a secret (file:PATH, env:NAME) that it has, once; appended. */
HAL9_API void hal9_config_secrets(const struct hal9_config *c, struct hal9_strv *ret);
HAL9_API cJSON *hal9_config_schema(void); /* JSON Schema for editors */
/* Words that can't be service names: the subcommands of all tools. */
HAL9_API bool hal9_config_reserved(const char *word);

/* Every step kind of this build. */
HAL9_API const struct hal9_kinds *hal9_kinds(void);

#endif
