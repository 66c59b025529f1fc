/* What the files of workload/ share: processes as JSON, the targets of a stop, commands to start, who took a port. */
#ifndef HAL9_WORKLOAD_INTERNAL_H
#define HAL9_WORKLOAD_INTERNAL_H

#include "base/cleanup.h"
#include "hal9ops/workload.h"

/* ---- ids.c: processes in args, notes and states ---------------------------------------------- */

/* Adds pid, start, boot, pidns. */
void wl_id_add(cJSON *to, const struct hal9_proc_id *id);
bool wl_id_parse(const cJSON *j, struct hal9_proc_id *ret);
/* {pid, start, boot, pidns, name, exe, dev, ino, user, unit}; what isn't known is left out. Fresh. */
cJSON *wl_proc_json(const struct hal9_proc *p);
/* As hal9_proc_alive(), but a process of an earlier boot is certainly gone. */
enum hal9_alive wl_alive(const struct hal9_proc_id *id);
/* "layer9-server (pid 4711)"; fresh. */
char *wl_proc_words(const struct hal9_proc *p);
/* "port:NETNS/8080" */
char *wl_port_resource(uint16_t port);
/* "file:PATH", its folder as it really is. Fresh. */
char *wl_file_resource(const char *path);
/* Copies args.resources, the canonical names that an inverted step takes over. */
void wl_copy_resources(const cJSON *args, struct hal9_strv *ret);

/* Name of the scope or cgroup for what is started from this state directory; fresh, NULL for NULL. Services of the same name that another
 * site (another state directory) runs on this host have one of their own: else each would take the other's processes for its own. */
char *wl_place(const struct hal9_state *state, const char *name);

/* ---- stop-spec.c ------------------------------------------------------------------------------ */

/* Adds signal, grace_ms, kill, kill_grace_ms; stop NULL: the defaults. */
void wl_stop_add(cJSON *to, const struct hal9_stop_spec *stop);
/* Copies those members. */
void wl_stop_copy(cJSON *to, const cJSON *from);

/* ---- capture.c -------------------------------------------------------------------------------- */

/* Puts all that it takes to start the process again into a blob. */
hal9_status wl_capture_put(struct hal9_state *state, const struct hal9_proc_id *id,
                           char ret_sha[65], struct hal9_error *err);
hal9_status wl_capture_get(struct hal9_state *state, const char *sha, struct hal9_proc_capture *ret,
                           struct hal9_error *err);

/* ---- stopping: stop-look.c, stop-signal.c, stop-run.c ------------------------------------------ */

enum wl_what {
    WL_HOLDERS,   /* of sockets */
    WL_SERVICE,   /* all processes of a service */
    WL_PROCESSES, /* these and no others */
};
struct wl_target {
    struct hal9_proc proc;
    char *name;
    int fd;            /* as hal9_proc_open(), -1 not opened yet */
    int64_t asked_ms;  /* monotonic: the stop signal was sent; 0: not yet */
    int64_t killed_ms; /* KILL was sent; 0: not */
    bool late;         /* found while waiting for others */
    bool over;         /* ended, or left alone */
};
struct wl_stop {
    struct hal9_step_ctx *c;
    const cJSON *args;
    enum wl_what what;
    struct hal9_listeners sockets; /* those to be set free */
    struct hal9_service_ref ref;
    int signal;
    int64_t grace_ms, kill_grace_ms;
    bool kill;
    struct wl_target *v;
    size_t n, cap;
    int64_t asked_ms;  /* when the first got its signal; 0: none yet */
    int64_t killed_ms; /* when the first got KILL */
    size_t listening;  /* sockets that were seen to listen last */
};
hal9_status wl_stop_parse(struct hal9_step_ctx *c, struct wl_stop *ret, struct hal9_error *err);
void wl_stop_clear(struct wl_stop *s);

/* What runs now of what is to be stopped. */
struct wl_seen {
    struct hal9_proc *v;
    size_t n, cap;
    size_t listening; /* sockets that still listen */
    bool hidden;      /* some of their holders can't be seen */
};
void wl_seen_clear(struct wl_seen *s);
/* The processes of a service that this tool may start and stop. Those of its program that a unit or container has are not: they have another
 * supervisor. */
hal9_status wl_service_procs(const struct hal9_service_ref *ref, struct wl_seen *ret,
                             struct hal9_error *err);
/* holder-unit.c: whether a unit only happens to hold processes (cron, sessions) or is never stopped. */
bool wl_unit_never(const char *unit);
/* The sockets of s that listen now. */
hal9_status wl_stop_listening(const struct wl_stop *s, struct hal9_listeners *ret,
                              struct hal9_error *err);
/* HAL9_E_REFUSED when a program that isn't to be stopped has one of the sockets. */
hal9_status wl_stop_look(const struct wl_stop *s, struct wl_seen *ret, struct hal9_error *err);
/* As far as it can be told without walking through all descriptors. */
hal9_status wl_stop_glance(const struct wl_stop *s, struct wl_seen *ret, struct hal9_error *err);
/* The listed process with this id, or NULL. */
const cJSON *wl_stop_listed(const struct wl_stop *s, const struct hal9_proc_id *id);

/* Looks at the target again, then sends. One that has ended or is another by now is marked over. */
hal9_status wl_stop_send(struct wl_stop *s, struct wl_target *t, int signal,
                         struct hal9_error *err);
/* Whether all targets may be signalled at all, before the first is. */
hal9_status wl_stop_may(struct wl_stop *s, struct hal9_error *err);
/* Looks, and takes up as targets what is found. */
hal9_status wl_stop_find(struct wl_stop *s, struct hal9_error *err);
/* Whether its parent is to be stopped, too, and still runs. */
bool wl_stop_has_parent(const struct wl_stop *s, const struct wl_target *t);
/* Ends all that were found, and those that are forked meanwhile. */
hal9_status wl_stop_run(struct wl_stop *s, struct hal9_error *err);

/* ---- starting: command.c, command-check.c, log-file.c, launch.c -------------------------------- */

struct wl_command {
    char *name;      /* "hal9-server" */
    const char *key; /* how errors call its program: "run.exec"; static */
    bool captured;   /* from a process that ran, not from the configuration */
    struct hal9_strv argv, env;
    char *exe; /* NULL: argv[0] */
    char *cwd; /* NULL: stays */
    bool set_user;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    mode_t umask;
    struct rlimit limits[16];
    size_t n_limits;
    char *stdout_path, *stderr_path; /* captured: where its output went; NULL: not a file */
};
/* state: where captures lie; NULL-able for commands of the configuration. */
hal9_status wl_command_resolve(const cJSON *command, struct hal9_state *state,
                               struct wl_command *ret, struct hal9_error *err);
void wl_command_clear(struct wl_command *c);
/* Whether its user, directory and program are there and may be used. */
hal9_status wl_command_check(const struct wl_command *c, struct hal9_error *err);
/* command-state.c: runs the argv of this name ("apply") of args of command.run, bounded. */
enum { WL_COMMAND_MS = 60000 };
hal9_status wl_command_run(const cJSON *args, const char *which, int cancel_fd,
                           struct hal9_run_result *ret, struct hal9_error *err);
/* Whether the command's user may do this (R_OK, W_OK, X_OK) by owner and mode. */
bool wl_command_may(const struct wl_command *c, const struct stat *st, int how);

/* Opens services/NAME/out.log to append; a large one is out.log.1 from then on. *ret_offset: what is written from there on is the new process'. */
hal9_status wl_log_open(struct hal9_state *state, const char *name, int *ret_fd, char **ret_path,
                        uint64_t *ret_offset, struct hal9_error *err);
/* Starts the n-th command of the step: gated, noted, recorded, released. */
hal9_status wl_launch(struct hal9_step_ctx *c, const struct wl_command *command, size_t index,
                      struct hal9_error *err);

/* ---- taker.c: who has a port, told ------------------------------------------------------------- */

struct wl_taker {
    struct hal9_listener socket;
    bool visible;
    struct hal9_proc proc; /* when visible */
    char *name;
    char *parent; /* name of the parent; NULL: PID 1, or not known */
};
/* The first listener on the port that isn't owner's (NULL: nobody's); *ret_found false: there is none. */
hal9_status wl_taker_find(enum hal9_proto proto, uint16_t port,
                          const struct hal9_service_ref *owner, bool *ret_found,
                          struct wl_taker *ret, struct hal9_error *err);
void wl_taker_clear(struct wl_taker *t);
/* {pid, name, exe, unit, user, parent: {pid, name}}; fresh. */
cJSON *wl_taker_json(const struct wl_taker *t);
/* "layer9-server (pid 5, started by layer9-watch, pid 4)"; fresh. */
char *wl_taker_words(const struct wl_taker *t);
/* What to stop instead, as the error's hint. */
void wl_taker_hint(const struct wl_taker *t, struct hal9_error *err);
/* "8080/tcp"; fresh. */
char *wl_port_words(enum hal9_proto proto, uint16_t port);
/* {proto, port} of args. */
void wl_port_parse(const cJSON *args, enum hal9_proto *ret_proto, uint16_t *ret_port);

#endif
