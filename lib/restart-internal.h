/* What the files of restart share. */
#ifndef HAL9_RESTART_INTERNAL_H
#define HAL9_RESTART_INTERNAL_H

#include "hal9ops/restart.h"

/* restart-ready.c: whether what `run` names is there: program, folder, user. HAL9_E_REFUSED with the
 * key and its place; HAL9_E_CONFIG and HAL9_E_UNSUPPORTED for what can't be started at all. */
hal9_status hal9_restart_can_start(const struct hal9_service *s, struct hal9_error *err);
hal9_status hal9_restart_ready(const struct hal9_service *s, struct hal9_error *err);
/* Asks systemd about its unit, where it is one: refused when there is none; sets running. */
hal9_status hal9_restart_unit(struct hal9_restart_finding *f, struct hal9_error *err);

/* restart-health.c: its own checks, now. */
enum hal9_restart_health { HAL9_RESTART_WELL, HAL9_RESTART_ILL, HAL9_RESTART_UNSURE };
/* *ret_reason is fresh: why it isn't well. */
hal9_status hal9_restart_health(const struct hal9_restart *r, const struct hal9_service *s,
                                const struct hal9_service_ref *ref, enum hal9_restart_health *ret,
                                char **ret_reason, struct hal9_error *err);

/* restart-ports.c: HAL9_E_REFUSED when a stranger has one of its ports, HAL9_E_UNKNOWN when who has
 * it is hidden. Sets f->socket_unit. */
hal9_status hal9_restart_ports_ours(struct hal9_restart_finding *f, struct hal9_error *err);

/* restart-kin.c: other services may run the same program. Narrows f->ref until it means only the processes that are its own;
 * HAL9_E_REFUSED when nothing tells whose one of them is. */
hal9_status hal9_restart_kin(const struct hal9_restart *r, struct hal9_restart_finding *f,
                             const struct hal9_proc *procs, size_t n, bool *ret_narrowed,
                             struct hal9_error *err);

/* restart-look.c */
const struct hal9_restart_finding *hal9_restart_find(const struct hal9_restart_findings *f,
                                                     const char *service);
/* Reads its record and what runs of it. */
hal9_status hal9_restart_running(const struct hal9_restart *r, struct hal9_restart_finding *f,
                                 struct hal9_error *err);

/* restart-revert.c: what its release is, and which one comes back should it fail. Sets release, revert_to, revert_not. */
void hal9_restart_release(const struct hal9_restart *r, struct hal9_restart_finding *f);
/* The steps' word on how going back ended: sets end and end_words where the plan had such steps and the service failed. False: it had none. */
bool hal9_restart_reverted(struct hal9_restart_finding *f, const struct hal9_op *op,
                           const struct hal9_op_step *failed, const char *what);

/* restart-limit.c: HAL9_E_REFUSED when it was restarted too often lately, or an automatic run comes too soon after the last. Sets
 * flaps and guard. */
hal9_status hal9_restart_limit(const struct hal9_restart *r, struct hal9_restart_finding *f,
                               struct hal9_error *err);
/* Counts the restarts of an operation once its plan is journaled, before its first step; tells the observer all the same. */
struct hal9_restart_counter {
    const struct hal9_restart *restart;
    const struct hal9_restart_findings *found;
    const struct hal9_observer *observer; /* NULL-able */
};
struct hal9_observer hal9_restart_counting(struct hal9_restart_counter *c);

/* restart-dependants.c: those that depend on the wanted ones and are restarted with them, by restart.dependants; names are added to ret. */
void hal9_restart_dependants(const struct hal9_restart *r, struct hal9_strv *ret);
/* The finding that s would be restarted after, or NULL: none that is restarted asks for it. */
const struct hal9_restart_finding *hal9_restart_leader(const struct hal9_restart *r,
                                                       const struct hal9_restart_findings *all,
                                                       const struct hal9_service *s);
/* Fills f->left of each. */
void hal9_restart_tell_left(const struct hal9_restart *r, struct hal9_restart_findings *f);

/* restart-bundle.c: whether there is anything to save of it; the args of that step. */
bool hal9_restart_has_evidence(const struct hal9_restart *r, const struct hal9_restart_finding *f);
cJSON *hal9_restart_bundle_args(const struct hal9_restart *r, const struct hal9_restart_finding *f);

/* restart-drain.c: its server behind a balancer. Sets f->drain. HAL9_E_UNKNOWN: the balancer can't be asked; HAL9_E_CONFIG: no such backend or server,
 * with the place; HAL9_E_REFUSED: guard last-server. */
hal9_status hal9_restart_drain(const struct hal9_restart *r, struct hal9_restart_finding *f,
                               struct hal9_error *err);
void hal9_restart_drain_free(struct hal9_restart_drain *d);
cJSON *hal9_restart_drain_args(const struct hal9_restart_finding *f);
cJSON *hal9_restart_undrain_args(const struct hal9_restart_finding *f);
char *hal9_restart_drain_title(const struct hal9_restart_finding *f);
char *hal9_restart_undrain_title(const struct hal9_restart_finding *f);
/* The chain whose first step this is waits for those of the same backend that come before it. */
void hal9_restart_drain_after(const struct hal9_restart_finding *f,
                              const struct hal9_restart_findings *all, const struct hal9_plan *plan,
                              struct hal9_step *first);
/* Whether the step only gives traffic back: it does not decide how the service is. */
bool hal9_restart_gives_back(const struct hal9_op_step *s);
/* Adds to end_words that its server stays drained, where that is so. */
void hal9_restart_tell_drained(struct hal9_restart_finding *f, const struct hal9_op *op);

/* restart-plan.c */
hal9_status hal9_restart_plan_from(const struct hal9_restart *r,
                                   const struct hal9_restart_findings *f, struct hal9_plan *ret,
                                   struct hal9_error *err);

#endif
