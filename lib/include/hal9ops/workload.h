/*
 * hal9ops/workload.h - what runs: starting and stopping processes and units, ports set free.
 *
 * Floor 4. Config structs of run, stop, identity; the step kinds; builders of their args.
 */
#ifndef HAL9OPS_WORKLOAD_H
#define HAL9OPS_WORKLOAD_H

#include <hal9ops/doc.h>
#include <hal9ops/op.h>
#include <hal9ops/store.h>
#include <hal9ops/sys.h>

enum hal9_run_kind {
    HAL9_RUN_NONE,
    HAL9_RUN_EXEC,
    HAL9_RUN_SYSTEMD,
    HAL9_RUN_CONTAINER,
    HAL9_RUN_KUBERNETES
};

/* run: {exec: [...], user, cwd, env} or systemd: UNIT, container: NAME, kubernetes: NS/NAME */
struct hal9_run_spec {
    struct hal9_strv exec;
    char *user;
    char *cwd;
    cJSON *env; /* name -> text or file:/env: reference */
    char *umask;
    char *systemd;
    char *container;
    char *kubernetes;
};
/* Which of its keys is set. */
HAL9_API enum hal9_run_kind hal9_run_kind(const struct hal9_run_spec *r);
extern const struct hal9_schema hal9_run_schema;      /* struct hal9_run_spec */
extern const struct hal9_schema hal9_identity_schema; /* struct hal9_identity (sys.h) */

/* stop: {signal: TERM, grace: 30s, kill: true} */
struct hal9_stop_spec {
    char *signal;     /* "TERM" */
    int64_t grace_ms; /* default 30 s for services; portfix uses 10 s for strangers */
    bool kill;        /* default true */
};
extern const struct hal9_schema hal9_stop_schema;
/* "TERM" or "SIGTERM" to its number. */
HAL9_API hal9_status hal9_signal_parse(const char *name, int *ret, struct hal9_error *err);

/* The identity that run implies: exec[0] -> exe; systemd -> unit. */
HAL9_API void hal9_identity_default(const struct hal9_run_spec *run, struct hal9_identity *ret);

/*
 * Step kinds.
 *
 * process.stop   ends a set of processes: TERM (or told) through pidfds, waits, KILL. Before each signal: start time, exe dev:ino and, when a
 *                port is told, the socket among its descriptors and the kernel's cookie again. New kin on the same socket are ended, too.
 *                before {"running": true, "observed": {...}}; intent {"running": false}. Invert: process.start from the capture.
 * process.start  starts one, detached and gated by the journal; output to log files. Invert: process.stop of what was started.
 * unit.stop      systemctl stop; invert unit.start. unit.start systemctl start; invert unit.stop.
 * port.prove     (passive) waits until the port can be bound. Where holders were stopped before: until it can be bound or nobody but its owner has it;
 *                fails at once, answer "respawned", when somebody else has taken it since.
 * port.settle    (passive) watches that nobody takes it again; fails with detail {"answer": "respawned", "by": {...}}.
 * exec.preflight (passive) runs the service's check-config; fails with its output.
 */
extern const struct hal9_step_kind hal9_kind_process_stop, hal9_kind_process_start,
    hal9_kind_unit_stop, hal9_kind_unit_start, hal9_kind_port_prove, hal9_kind_port_settle,
    hal9_kind_exec_preflight;

/* Args of process.stop for the holders of one listener set. holders: the ones to end. allow_exe: new kin must have one of these. Fresh. */
HAL9_API cJSON *hal9_args_stop_holders(const struct hal9_listeners *l, const struct hal9_holders *h,
                                       const struct hal9_stop_spec *stop);
/* Args of process.stop for all processes of a service as it runs then. Fresh. */
HAL9_API cJSON *hal9_args_stop_service(const struct hal9_service_ref *ref,
                                       const struct hal9_stop_spec *stop);
/* Args of process.start for a service. owner of files: state dir services/NAME. Fresh. */
HAL9_API cJSON *hal9_args_start_service(const struct hal9_service_ref *ref,
                                        const struct hal9_run_spec *run);
HAL9_API cJSON *hal9_args_unit(const char *unit, int64_t timeout_ms);
HAL9_API cJSON *hal9_args_prove(enum hal9_proto proto, uint16_t port, int64_t within_ms);
/* The same once its holders have been stopped. owner: processes that may have taken it since (the service itself); NULL: nobody. */
HAL9_API cJSON *hal9_args_prove_freed(enum hal9_proto proto, uint16_t port, int64_t within_ms,
                                      const struct hal9_service_ref *owner);
/* owner: processes that may have the port (the service itself); NULL: nobody. */
HAL9_API cJSON *hal9_args_settle(enum hal9_proto proto, uint16_t port, int64_t settle_ms,
                                 const struct hal9_service_ref *owner);
HAL9_API cJSON *hal9_args_preflight(const struct hal9_strv *argv, const struct hal9_run_spec *run,
                                    int64_t timeout_ms);

/* Which supervisor could stop a holder: its .service where it is the main process or in whose cgroup it is; never a scope, slice, user@, sshd.
 * NULL (and *ret_why) when it has to be signals. Fresh. */
HAL9_API char *hal9_holder_unit(const struct hal9_proc *p, char **ret_why);

#endif
