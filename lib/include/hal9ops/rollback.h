/*
 * hal9ops/rollback.h - what was done, and taking it back.
 *
 * Floor 6.
 */
#ifndef HAL9OPS_ROLLBACK_H
#define HAL9OPS_ROLLBACK_H

#include <hal9ops/config.h>

/* What a person's word names: an operation (prefix or suffix of its id) or a run. Exactly one of the two is set, fresh.
 * HAL9_E_NOT_FOUND with the nearest; HAL9_E_USAGE when several fit. */
HAL9_API hal9_status hal9_rollback_find(struct hal9_state *s, const char *word,
                                        char **ret_operation, char **ret_run,
                                        struct hal9_error *err);
/* The newest open operation that isn't running: what `resume` and `abort` without an id mean. HAL9_E_NOT_FOUND: none; HAL9_E_USAGE: several, named. */
HAL9_API hal9_status hal9_rollback_open(struct hal9_state *s, char **ret_operation,
                                        struct hal9_error *err);
/* One operation as its `operation` record's members: id, by, user, state, title, service, run, started, ended, steps, done, resumable, undoes, undone_by. Fresh. */
HAL9_API cJSON *hal9_rollback_describe(const struct hal9_op *o);

/* ---- snapshots --------------------------------------------------------------------------------- */

/*
 * {"hal9_snapshot": 1, "id", "name"?, "time", "host", "machine", "user", "reason": asked|healthy|before|rehearsal|imported, "plan"?,
 *  "parts": [{"part": "files:/etc/app.yaml", "kind": "files", "state": {...}}], one that could not be read with "gap": words in place of its state,
 *  "services": [{"name", "pids"}], "facts": {"cpus", "load", "memory", "disk", "processes"}, "connections"?: {"established", "by_state", "by_port"}}
 */
struct hal9_snapshot_opts {
    const struct hal9_config *config; /* NULL-able */
    struct hal9_state *state;         /* opened for reading: all is looked at, nothing is kept */
    const char *plan;                 /* NULL: the only one, unless files are named */
    const struct hal9_strv *files;    /* beside the plan's parts; NULL-able */
    const char *name;                 /* NULL-able */
    const char *reason;               /* NULL: asked */
    bool best_effort;                 /* a part that can't be read leaves a gap */
    int cancel_fd;                    /* -1 none */
    void (*told)(
        void *data,
        const char
            *words); /* of gaps, and of what is kept otherwise than a person may think; NULL-able */
    void *data;
};
/* Takes one: every part is read, all is durable, then the document is there. HAL9_E_UNKNOWN with the part's name: one can't be read, and nothing was written.
 * HAL9_E_USAGE, HAL9_E_CONFIG, HAL9_E_UNSUPPORTED: what is asked for; a name that another has. *ret is the document, fresh. */
HAL9_API hal9_status hal9_rollback_snapshot(const struct hal9_snapshot_opts *o, cJSON **ret,
                                            struct hal9_error *err);
/* A snapshot as its `snapshot` record's members: id, name, taken, why, plan, parts, gaps, files, bytes. Fresh. */
HAL9_API cJSON *hal9_rollback_describe_snapshot(const cJSON *snapshot);
/* What differs between two snapshots, or from one to now (b NULL). Words, one a line, unified diffs for texts; ret_json: an array that gets an object for each, NULL-able.
 * HAL9_E_UNKNOWN: a part can't be read now. */
HAL9_API hal9_status hal9_rollback_diff(const struct hal9_config *c, struct hal9_state *s,
                                        const cJSON *a, const cJSON *b, struct hal9_buf *ret_words,
                                        cJSON *ret_json, size_t *ret_n, struct hal9_error *err);

struct hal9_rollback_prune {
    size_t keep; /* so many of the newest stay; of those taken when all was healthy one more */
    const struct hal9_strv *ids; /* these go, whatever keep says; NULL: keep decides */
    bool dry;
    /* filled */
    struct hal9_strv gone; /* free it */
    struct hal9_prune_result contents;
    char *left; /* why contents stay that nobody may want any more; NULL: they don't; free it */
};
/* Deletes snapshots, then the contents that no snapshot and no operation names any more. */
HAL9_API hal9_status hal9_rollback_prune(struct hal9_state *s, struct hal9_rollback_prune *p,
                                         struct hal9_error *err);
/* Those that a plan's keep lets go, newest first: beyond so many of the newest, without a name, and not the newest that was taken when all was healthy. Appends. */
HAL9_API hal9_status hal9_rollback_overdue(const struct hal9_config *c, struct hal9_state *s,
                                           struct hal9_strv *ret, struct hal9_error *err);
/* A service has passed its health gate: takes a snapshot (reason healthy) of each plan that has it in its health, in place of the newest of these where that has the same states; the newest
 * five of a plan are kept. Parts that can't be read are gaps. */
HAL9_API hal9_status hal9_rollback_note_healthy(const struct hal9_config *c, struct hal9_state *s,
                                                const char *service, struct hal9_error *err);
/* An operation has ended: where it was a rollback that got through its own final gate, how all is now is a healthy snapshot of its plan, too. */
HAL9_API hal9_status hal9_rollback_note_ended(const struct hal9_config *c, struct hal9_state *s,
                                              const char *id, struct hal9_error *err);
/* One snapshot with all it needs, as a tar file; and from one, whose contents are checked one by one. *ret_id is fresh. */
HAL9_API hal9_status hal9_rollback_export(struct hal9_state *s, const char *id, const char *file,
                                          struct hal9_error *err);
HAL9_API hal9_status hal9_rollback_import(struct hal9_state *s, const char *file, char **ret_id,
                                          struct hal9_error *err);
/* ---- to a snapshot ------------------------------------------------------------------------------- */

enum hal9_strategy { HAL9_IMMEDIATE, HAL9_GRADUAL, HAL9_PARTIAL };
/* "immediate", "gradual", "partial". Static; and back: false: no such word. */
HAL9_API const char *hal9_strategy_name(enum hal9_strategy s);
HAL9_API bool hal9_strategy_parse(const char *word, enum hal9_strategy *ret);
/* What is asked for. */
struct hal9_rollback_to {
    const struct hal9_config *config;
    struct hal9_state *state;
    const char *snapshot; /* its name, a piece of its id, or last-healthy */
    const char *plan;     /* NULL: the snapshot's, or the only one */
    enum hal9_strategy strategy;
    struct hal9_strv
        parts;        /* kinds, the source's words or names; empty: all. HAL9_PARTIAL wants some */
    bool best_effort; /* what can't be read or restored is left out, and told */
    int64_t hold_ms;  /* between two stops; -1: the plan's */
    int cancel_fd;
    const struct hal9_strv *force;               /* set from the operation's surroundings */
    void (*told)(void *data, const char *words); /* what is left alone, and why; NULL-able */
    void *data;
    /* filled: which one was meant, for words; free both */
    char *ret_id, *ret_name;
};
/*
 * Brings all that differs back to the snapshot, as one operation: hal9_op_run() with its results and errors. Every part is read before anything is touched: HAL9_E_UNKNOWN
 * where one can't be. Nothing to do: ret->nothing. HAL9_E_NOT_FOUND: no such snapshot. HAL9_E_REFUSED: a guard (depends, last-server).
 */
HAL9_API hal9_status hal9_rollback_to(struct hal9_rollback_to *job, const struct hal9_op_env *env,
                                      struct hal9_op_result *ret, struct hal9_error *err);

/* ---- forward ----------------------------------------------------------------------------------- */

/* Walks a plan's migration up in its phases. */
struct hal9_rollback_forward {
    const struct hal9_config *config;
    struct hal9_state *state;
    const char *plan;  /* NULL: the only one */
    const char *until; /* the phase to stop at; NULL: the last */
    int cancel_fd;
    void (*told)(void *data, const char *words); /* NULL-able */
    void *data;
    /* filled: the phases that it goes through, 1-based (0 of n: none is left); free the names and the snapshot's id */
    struct hal9_strv
        ret_phases; /* all of the plan, in words: "canary: new path 5 %, for 5m, 2 checks" */
    size_t ret_from, ret_to;
    double ret_share; /* where the traffic stands, percent */
    char *ret_snapshot;
};
/*
 * A snapshot first (reason before; where an earlier forward stands half-way, its snapshot is gone back to), then one operation: each phase with its commands, flags, release and share,
 * and a gate. What fails there takes all back to the snapshot at once, in the same operation. It begins where the traffic stands. hal9_op_run() with its results and errors;
 * nothing: it has arrived, and ret->why. HAL9_E_USAGE: no such plan or phase. HAL9_E_REFUSED: an earlier one is on its way back; nobody of the new servers is up.
 */
HAL9_API hal9_status hal9_rollback_forward(struct hal9_rollback_forward *job,
                                           const struct hal9_op_env *env,
                                           struct hal9_op_result *ret, struct hal9_error *err);
/* How a forward ended, or stands. */
struct hal9_forward_end {
    char *reached;     /* the last phase whose gate has passed; NULL: none */
    char *phase, *why; /* the one that failed, and why; NULL */
    char *snapshot;    /* its id */
    char *lost;        /* what failed on the way back; NULL */
    bool back;         /* all is as in the snapshot, and read back */
    bool sick;         /* and not healthy there */
};
/* False: the operation is no forward, or takes one back. Free with hal9_forward_end_clear(). */
HAL9_API bool hal9_forward_end(const struct hal9_op *o, struct hal9_forward_end *ret);
HAL9_API void hal9_forward_end_clear(struct hal9_forward_end *e);

/* What a rollback is about, {snapshot, name, plan, strategy, parts}; NULL: the operation is none. Borrowed. */
HAL9_API const cJSON *hal9_rollback_subject(const struct hal9_op *o);
/* Where the parts of a rollback stand now, a line each; none where the operation is no rollback. Appends. */
HAL9_API hal9_status hal9_rollback_stands(const struct hal9_config *config,
                                          struct hal9_state *state, const char *id,
                                          struct hal9_strv *ret, struct hal9_error *err);

/* ---- watch ---------------------------------------------------------------------------------------- */

/* What a trigger leads to: the rollback, or why there is none. */
enum hal9_watch_action {
    HAL9_WATCH_NONE,
    HAL9_WATCH_FIRED,
    HAL9_WATCH_HELD,     /* a service is held, or an operation on the plan is unfinished */
    HAL9_WATCH_COOLDOWN, /* the last one was not long enough ago */
    HAL9_WATCH_ATTEMPTS, /* it was tried as often as may be */
};
/* "fired", "held", "cooldown", "attempts"; NULL for none. Static. */
HAL9_API const char *hal9_watch_action_name(enum hal9_watch_action a);

struct hal9_watch_decision {
    enum hal9_watch_action action;
    const char *trigger; /* error_rate, p99, score; static */
    const char *unit;    /* "" or "s"; static */
    char *service;       /* of the series, or NULL */
    double value, limit;
    int64_t over_ms;  /* what the rule wants */
    int64_t since_ms; /* beyond the limit since */
    int64_t at_ms;    /* the sample's time */
    int64_t until_ms; /* cooldown: its end */
    char *reason;     /* words, fresh */
};
/* Frees and zeroes. */
HAL9_API void hal9_watch_decision_clear(struct hal9_watch_decision *d);

/*
 * The triggers of one plan over what is measured. Samples are collected first, and count once what they came with is whole:
 *
 *     hal9_rollback_watch_record(w, record);            // of the pipe; or hal9_rollback_watch_ask(): of the plan's Prometheus server
 *     while (hal9_rollback_watch_next(w, &attempts, &d)) ...   // each decision that is news
 */
struct hal9_rollback_watch;
struct hal9_rollback_watch_opts {
    const struct hal9_config *config;
    const struct hal9_rollback_spec *plan; /* with a trigger */
    struct hal9_state *state;              /* NULL-able */
    const char *machine; /* what other machines say doesn't count; NULL: it does */
    /* Records older than this don't count; the clock for cool-down and attempts is the host's. 0: all count, and the clock is that of the records. */
    int64_t max_age_ms;
};
/* hal9_rollback_watch_free() frees it; the options' pointers must outlive it. HAL9_E_USAGE: the plan has no trigger. */
HAL9_API hal9_status hal9_rollback_watch_new(const struct hal9_rollback_watch_opts *o,
                                             struct hal9_rollback_watch **ret,
                                             struct hal9_error *err);
HAL9_API void hal9_rollback_watch_free(struct hal9_rollback_watch *w);
/* Takes what a verdict, a check or a sample tells; all else is left. */
HAL9_API void hal9_rollback_watch_record(struct hal9_rollback_watch *w, const cJSON *record);
/* What was collected is not to count: its round was cut off. */
HAL9_API void hal9_rollback_watch_drop(struct hal9_rollback_watch *w);
/* Asks the plan's Prometheus server for all that the triggers want of it: samples, collected and told, one record's members each (metric, value, unit,
 * count; value missing: no data, with reason). HAL9_E_INTERRUPTED by cancel_fd. */
HAL9_API hal9_status hal9_rollback_watch_ask(struct hal9_rollback_watch *w, int cancel_fd,
                                             void (*told)(void *data, cJSON *members), void *data,
                                             struct hal9_error *err);
/* Whether all triggers have a source without a pipe: HAL9_E_USAGE with what is missing. */
HAL9_API hal9_status hal9_rollback_watch_sources(const struct hal9_rollback_spec *plan,
                                                 struct hal9_error *err);
/* Goes on through what was collected up to the next decision that is news; false: there is none. An action other than the last one on the same trigger is
 * news. *a is not written. */
HAL9_API bool hal9_rollback_watch_next(struct hal9_rollback_watch *w, struct hal9_attempts *a,
                                       struct hal9_watch_decision *ret);
/* A rollback has ended at that time: what was measured before is of no interest any more. */
HAL9_API void hal9_rollback_watch_acted(struct hal9_rollback_watch *w, int64_t time_ms);
/* Some series is beyond its limit, for as long as the rule wants. */
HAL9_API bool hal9_rollback_watch_stands(const struct hal9_rollback_watch *w);
/* All that was measured is well, in as many samples as it takes; what was never measured is not. */
HAL9_API bool hal9_rollback_watch_well(const struct hal9_rollback_watch *w);
/* Whether there is a snapshot to go to, all of whose parts the configuration has. */
HAL9_API hal9_status hal9_rollback_watch_target(const struct hal9_rollback_watch *w,
                                                struct hal9_error *err);
/* The open operation that brings this plan to a snapshot; *ret_id NULL: none. Fresh. */
HAL9_API hal9_status hal9_rollback_unfinished(struct hal9_state *s, const char *plan, char **ret_id,
                                              bool *ret_running, struct hal9_error *err);
/* The newest operation on this plan that began at that time or later, or NULL; fresh. */
HAL9_API char *hal9_rollback_since(struct hal9_state *s, const char *plan, int64_t time_ms);
/* ---- rehearsing ---------------------------------------------------------------------------------- */

enum hal9_rehearsed {
    HAL9_REHEARSED_PASS,
    HAL9_REHEARSED_FAIL,
    HAL9_REHEARSED_UNKNOWN,
    HAL9_REHEARSED_SKIPPED
};
/* "pass", "fail", "unknown", "skipped". Static. */
HAL9_API const char *hal9_rehearsed_name(enum hal9_rehearsed s);
struct hal9_rehearsed_part {
    const char *part; /* its name; "rollback": all of it */
    enum hal9_rehearsed state;
    char *reason; /* the difference in words, or why it was skipped; NULL */
    int64_t ms;   /* what its steps took */
};
/* All parts disturbed and rolled back once. */
struct hal9_rehearsal_run {
    enum hal9_strategy strategy;
    const char
        *killed; /* "first change", "line 4", ...: killed there and resumed; NULL: not killed */
    char *lines; /* where the kills came: "line 4 of 14"; NULL */
    int64_t ms;  /* of the rollback alone */
    struct hal9_rehearsed_part *parts;
    size_t n;
};
struct hal9_rehearsal {
    const struct hal9_config *config;
    struct hal9_state *state;
    const char *plan; /* NULL: the only one */
    const struct hal9_strv *
        command; /* the tool with its options: what a rollback in a process of its own is started by; v[0] is the file */
    const char *const *envp; /* for it; NULL: this process' own */
    const struct hal9_strv
        *labels;       /* what the plan's parts are called for people; NULL: by their names */
    const char *strip; /* what goes out of words about paths; NULL: nothing */
    bool thorough;     /* a kill at each line of the journal */
    int64_t every_ms;  /* between two stops */
    void (*told)(void *data,
                 const char *words); /* what was left by an earlier rehearsal, what comes next */
    /* one begins, one has ended; on_begin NULL-able */
    void (*on_begin)(void *data, enum hal9_strategy strategy, const char *killed);
    void (*on_run)(void *data, const struct hal9_rehearsal_run *r);
    void *data;
    /* filled */
    size_t passed, failed, unknown, skipped;
    bool back; /* all is as it was before */
};
/*
 * Takes a snapshot; disturbs every part (an operation), rolls back to it, and compares, by each strategy; then again with the rollback killed (SIGKILL) in the middle and
 * resumed. At the end all is as before, and the snapshot is gone. What an earlier rehearsal of the plan left behind, as it was killed, is taken back first.
 * HAL9_E_USAGE: the configuration isn't of staging. HAL9_E_UNKNOWN: a part can't be read, and nothing was touched. HAL9_E_BUSY: it is being rehearsed now. HAL9_E_INTERRUPTED: stopped, and
 * all is as before where job->back. HAL9_E_FAILED: it isn't; the hint names the snapshot.
 */
HAL9_API hal9_status hal9_rollback_rehearse(struct hal9_rehearsal *job,
                                            const struct hal9_op_env *env, struct hal9_error *err);

/* Copies of a plan's parts below a folder of its own, with a configuration, a state directory and balancers of their own: to be rehearsed on, anywhere. */
struct hal9_sandbox {
    char *root;
    struct hal9_config *config;
    struct hal9_state *state;
    char *lock_dir, *config_path;
    struct hal9_strv labels;         /* of the parts that are in it, as the plan calls them */
    struct hal9_strv left_out, whys; /* parts that aren't, and why */
    struct hal9_strv unread;         /* those of left_out that can't be read */
    int lock_fd;
};
/* What killed rehearsals left of theirs is removed first, and told. *ret is overwritten; free it in any case. */
HAL9_API hal9_status hal9_sandbox_make(const struct hal9_config *c, const char *plan,
                                       const struct hal9_op_env *env,
                                       void (*told)(void *data, const char *words), void *data,
                                       struct hal9_sandbox *ret, struct hal9_error *err);
/* Ends its balancers, removes it all. */
HAL9_API void hal9_sandbox_clear(struct hal9_sandbox *s);

#endif
