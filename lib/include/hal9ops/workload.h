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
 * process.stop   ends a set of processes: TERM (or told) through pidfds, waits, KILL. args.what: "holders" of sockets, all processes of a "service",
 *                or just these "processes". Before each signal: start time, exe dev:ino and, for holders, the socket among its descriptors and the
 *                kernel's cookie again. Kin that is forked meanwhile is ended, too; another program on the socket refuses it all. args.started_by: a
 *                process.start of the same plan, whose process is the service's, too. A service's program in somebody's unit or container is not the service's. Notes {"captured": [{pid, ..., "capture": blob}]}, {"left_alone": {..., why}}.
 *                before {"running": true, "observed": {"processes"}}; intent {"running": false}. Invert: process.start of the captures.
 * process.start  starts args.commands, gated by the journal, in a scope or cgroup of their own (its name ends with a hash of the state directory, but
 *                for /var/lib/hal9ops); output to services/NAME/out.log. Notes {"started": {pid, start, boot, pidns, place, detach, log}} before
 *                the gate opens. after {"running": true, "observed": {the same}}. Fails with detail {"log": {path, lines}} when it has ended by
 *                then. Invert: process.stop of what was started, as args.stop tells.
 * unit.stop      systemctl stop; invert unit.start. unit.start systemctl start; invert unit.stop.
 * port.prove     (passive) waits until the port can be bound. Where holders were stopped before: until it can be bound or nobody but its owner has it;
 *                fails at once, answer "respawned", when somebody else has taken it since.
 * port.settle    (passive) watches that nobody takes it again; fails with detail {"answer": "respawned", "by": {...}}.
 * exec.preflight (passive) runs the service's check-config; fails with its output.
 * logs.bundle    (passive) saves logs, journal, processes, ports, configuration and host facts, without their secrets, to
 *                services/NAME/bundles/ID.tar.gz (0600; the newest 10 are kept). Detail {"bundle": {path, bytes, logs, suspicious, redactions, left_out}}. What
 *                can't be had is left out and told there; it fails only where the bundle itself can't be written.
 */
extern const struct hal9_step_kind hal9_kind_process_stop, hal9_kind_process_start,
    hal9_kind_unit_stop, hal9_kind_unit_start, hal9_kind_port_prove, hal9_kind_port_settle,
    hal9_kind_exec_preflight, hal9_kind_logs_bundle;

/*
 * release.switch args {link, target, resources}: the symlink replaced atomically (temporary symlink, rename); target null: no link. States {"target": text of the
 *                link or null}. A target that is missing, and a link that is anything but a symlink, are refused before anything is touched. Invert: the same.
 */
extern const struct hal9_step_kind hal9_kind_release_switch;
/* Args of release.switch: link is a path, target what it shall point to (relative: to the link's folder); NULL: the link removed. Fresh. */
HAL9_API cJSON *hal9_args_release(const char *link, const char *target);
/* What the step would refuse, for planners: before there is an operation. HAL9_E_REFUSED. */
HAL9_API hal9_status hal9_release_check(const char *link, const char *target,
                                        struct hal9_error *err);
/* What the link says now, as it is written there; *ret NULL: there is none. HAL9_E_REFUSED: it is no symlink. Fresh. */
HAL9_API hal9_status hal9_release_target(const char *link, char **ret, struct hal9_error *err);
/* The releases that are kept: the folders beside the one that the link points to, that one included; newest first (by time of change, then version). Paths of
 * the form that the link has: absolute, or relative to its folder. HAL9_E_NOT_FOUND: no link. */
HAL9_API hal9_status hal9_release_list(const char *link, struct hal9_strv *ret,
                                       struct hal9_error *err);

/* Args of process.stop for the holders of a set of listeners, all of whose holders have been looked for. stop NULL: the defaults. Fresh. */
HAL9_API cJSON *hal9_args_stop_holders(const struct hal9_listeners *l, const struct hal9_holders *h,
                                       const struct hal9_stop_spec *stop);
/* Args of process.stop for all processes of a service as it runs then. Fresh. */
HAL9_API cJSON *hal9_args_stop_service(const struct hal9_service_ref *ref,
                                       const struct hal9_stop_spec *stop);
/* Args of process.start for a service of kind exec. Its environment is PATH, HOME, USER, LOGNAME, LANG and run's. Fresh. */
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
/* What to save of a service. */
#define HAL9_BUNDLE_MAX ((uint64_t)16 << 20)
enum { HAL9_BUNDLE_WITHIN_MS = 10000, HAL9_BUNDLE_LAST_MS = 15 * 60 * 1000 };
struct hal9_bundle {
    const struct hal9_service_ref *service;
    const struct hal9_strv *files; /* globs; NULL: none */
    const char *journal;           /* unit, or NULL */
    int64_t
        last_ms;  /* how far the journal reaches back, and how old a log may be beside the newest */
    uint64_t max; /* bytes of logs, before they are packed */
    int64_t within_ms;
};
/* Args of logs.bundle; members to add: ports [n], config and found (JSON, free of secrets), secrets [references, whose values are looked for]. Fresh. */
HAL9_API cJSON *hal9_args_bundle(const struct hal9_bundle *b);
HAL9_API cJSON *hal9_args_preflight(const struct hal9_strv *argv, const struct hal9_run_spec *run,
                                    int64_t timeout_ms);

/* Which supervisor could stop a holder: the .service of the system in whose cgroup it is; never a scope, slice, user@, sshd, cron, container runtime.
 * Tells by the process alone, and asks nobody. NULL (and *ret_why) when it has to be signals. Fresh. */
HAL9_API char *hal9_holder_unit(const struct hal9_proc *p, char **ret_why);

/*
 * command.run   args {name, apply: argv, verify: argv, revert: argv, wanted: true, user, cwd, env, timeout_ms, resources}. apply brings it about; exit 0 of verify means that it
 *               is so, of 1 to 125 that it isn't. States {"so": true|false}, null without a verify: then it is never skipped, and found begun a person must look. Invert:
 *               command.run with apply and revert swapped, which wants it not so; without a revert an undo is refused.
 *               With state: argv the state is what that prints, redacted, too ({"state": TEXT}); wanted_state is the text that is to come about, and apply has it in its
 *               environment as HAL9OPS_STATE. Invert then wants the text before, and is apply itself where there is no revert.
 */
extern const struct hal9_step_kind hal9_kind_command_run;
/* Args of command.run; verify, revert and run (user, cwd, env) NULL-able; timeout_ms 0: 60 s. Fresh. */
HAL9_API cJSON *hal9_args_command(const char *name, const struct hal9_strv *apply,
                                  const struct hal9_strv *verify, const struct hal9_strv *revert,
                                  const struct hal9_run_spec *run, int64_t timeout_ms);
/* The state of what such args are about, by running its verify and state: as the step's states. HAL9_E_UNKNOWN: it can't be told; HAL9_E_TIMEOUT: it hung, and was killed. Fresh. */
HAL9_API hal9_status hal9_command_state(const cJSON *args, int cancel_fd, cJSON **ret,
                                        struct hal9_error *err);
/* Whether the argv of this name ("apply") could be run at all: its program is there, and may be run. */
HAL9_API hal9_status hal9_command_check(const cJSON *args, const char *which,
                                        struct hal9_error *err);

/* ---- what of a service runs --------------------------------------------------------------------- */

/* {"running", "release"?: target of link, "exe"?: {"path", "sha256", "replaced"}, "argv"?, "unit"?: {"name", "active", "file", "sha256"}, "observed": {"pid", "dev", "ino"}}, fresh. An argv is without
 * its secrets. link NULL: no release. */
HAL9_API hal9_status hal9_service_revision(const struct hal9_service_ref *ref, const char *link,
                                           cJSON **ret, struct hal9_error *err);
/*
 * service.revision (passive) args {service, link, wanted}: states are what of hal9_service_revision() wanted has; fails where it isn't so.
 */
extern const struct hal9_step_kind hal9_kind_service_revision;
/* Its args; link NULL-able, wanted is copied. Fresh. */
HAL9_API cJSON *hal9_args_revision(const struct hal9_service_ref *ref, const char *link,
                                   const cJSON *wanted);

/* ---- files and trees ------------------------------------------------------------------------- */

/* Captures a file or a whole tree as it is now: bytes, mode, owner, time of files, extended attributes, sym- and hard links, fifos, devices; one that is absent as
 * absent. {"path", "real": the links on the way followed, "tree": SHA-256, "files", "bytes"}, fresh, "absent": true where nothing is; equal trees have equal SHA-256. What is not kept: sockets, a folder's own
 * time, what is mounted below. s opened for writing: contents are kept in its packs, durable when it returns. NULL or READ: nothing is kept.
 * A symlink is captured as the link that it is. HAL9_E_UNKNOWN: a file changes all the time while it is read. */
HAL9_API hal9_status hal9_tree_capture(struct hal9_state *s, const char *path, int cancel_fd,
                                       cJSON **ret, struct hal9_error *err);

enum hal9_tree_kind { HAL9_TREE_ADDED, HAL9_TREE_REMOVED, HAL9_TREE_CHANGED, HAL9_TREE_META };
HAL9_API const char *hal9_tree_kind_name(enum hal9_tree_kind k); /* "added", ... */
/* One side of a difference. */
struct hal9_tree_side {
    char type; /* f file, d folder, l symlink, p fifo, c and b devices; 0: not there */
    uint32_t mode, uid, gid;
    uint64_t size;
    int64_t mtime_ms;
    bool attributes;  /* it has extended ones */
    const char *link; /* of a symlink; of a hard link the first path in the tree; NULL */
    const void *data; /* content of a file, where it is kept or can be read; NULL: can't be had */
    size_t len;
};
struct hal9_tree_change {
    const char *path; /* the whole one */
    enum hal9_tree_kind kind;
    struct hal9_tree_side a, b;
};
/* What differs from a to b, two captures, or from a to now (b NULL): calls fn for each path, in order; non-zero ends it. CHANGED: its content, its type or where it points;
 * META: mode, owner, time or attributes alone. */
HAL9_API hal9_status hal9_tree_diff(struct hal9_state *s, const cJSON *a, const cJSON *b,
                                    int (*fn)(void *data, const struct hal9_tree_change *c),
                                    void *data, struct hal9_error *err);
/*
 * files.restore args {path, tree, resources}: makes path as the captured tree has it. Only what differs is touched; each file is made beside it, synced, and renamed over
 *               it; what is there and not in the capture is removed. What was there before is kept in the packs, and named in the journal, before anything is touched.
 *               States {"tree", "observed": {"files", "bytes"}}. What was changed by others since `before` stops it (HAL9_E_DRIFT; force "drift" overwrites). No symlink
 *               on the way is followed. Invert: files.restore of before.
 */
extern const struct hal9_step_kind hal9_kind_files_restore;
/* For a rehearsal: a tree that differs from a captured one as little as matters: a file with other content, one with another mode, one removed, one added. Nothing but
 * the store is written; files.restore makes it so. *ret_words, fresh: what was changed, by the paths in the tree. */
HAL9_API hal9_status hal9_tree_disturb(struct hal9_state *s, const cJSON *capture, char ret[65],
                                       char **ret_words, struct hal9_error *err);
/* The same tree as this user may make it anywhere: all of it this user's, without attributes, devices and set-id bits. */
HAL9_API hal9_status hal9_tree_own(struct hal9_state *s, const cJSON *capture, char ret[65],
                                   struct hal9_error *err);
/* Args of files.restore; links on the way to path are followed here, once. Fresh. */
HAL9_API cJSON *hal9_args_files(const char *path, const char *tree);
/* The names of all that these trees need, for pruning: contents, attributes, listings. *ret is fresh: free it. */
HAL9_API hal9_status hal9_tree_reach(struct hal9_state *s, const struct hal9_sha *trees,
                                     size_t n_trees, struct hal9_sha **ret, size_t *ret_n,
                                     struct hal9_error *err);

#endif
