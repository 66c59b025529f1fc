/* What the files of restart share. */
#ifndef HAL9_RESTART_INTERNAL_H
#define HAL9_RESTART_INTERNAL_H

#include "hal9ops/restart.h"

/* restart-ready.c: whether what `run` names is there: program, folder, user. HAL9_E_REFUSED with the
 * key and its place; HAL9_E_CONFIG and HAL9_E_UNSUPPORTED for what can't be started at all. */
hal9_status hal9_restart_can_start(const struct hal9_service *s, struct hal9_error *err);
/* HAL9_E_UNSUPPORTED when it runs and would have to be drained first. */
hal9_status hal9_restart_can_stop(const struct hal9_restart_finding *f, struct hal9_error *err);
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

/* restart-plan.c */
hal9_status hal9_restart_plan_from(const struct hal9_restart *r,
                                   const struct hal9_restart_findings *f, struct hal9_plan *ret,
                                   struct hal9_error *err);

#endif
