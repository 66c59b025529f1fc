/*
 * hal9ops/restart.h - a service stopped and started again, and proven healthy.
 *
 * Floor 6.
 */
#ifndef HAL9OPS_RESTART_H
#define HAL9OPS_RESTART_H

#include <hal9ops/config.h>

struct hal9_restart {
    const struct hal9_config *config;
    struct hal9_state *state;
    struct hal9_strv services; /* what to restart, by name */
    bool only_if_down; /* from a verdict: one that runs and is healthy by now is left alone */
    bool gate;         /* false: --no-gate */
};
/*
 * The plan, for each service in the order of its dependencies, independent ones side by side:
 * preflight -> stop (when it runs) -> port free -> start -> gate. One that is down is blocked only by a missing binary, bad configuration, a held port or a
 * failed dependency: told with HAL9_E_REFUSED before anything is touched.
 */
HAL9_API hal9_status hal9_restart_plan(const struct hal9_restart *r, struct hal9_plan *ret,
                                       struct hal9_error *err);
HAL9_API hal9_status hal9_restart_run(const struct hal9_restart *r, const struct hal9_op_env *env,
                                      struct hal9_op_result *ret, struct hal9_error *err);
/* A warning that the service will end with this session because nothing better can be had here; fresh, or NULL. */
HAL9_API char *hal9_restart_detach_warning(const struct hal9_restart *r);
/* Whether restart acts on a verdict: not_running, its own check_failed, port_conflict (when no stranger holds the port by now and it is still down). */
HAL9_API bool hal9_restart_acts_on(const char *state, const char *cause);

#endif
