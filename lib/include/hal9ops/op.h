/*
 * hal9ops/op.h - operations: step kinds, plans, the executor. Journal first, then act.
 *
 * Floor 3. The executor is the only code that changes anything outside the state directory. A tool gives it a planner; it
 * inspects, locks, plans again under the locks, writes the whole plan to a journal, and carries it out step by step.
 *
 *     static hal9_status plan_free_port(void *data, struct hal9_plan *plan, struct hal9_error *err) {
 *         struct hal9_step *stop = hal9_plan_step(plan, "stop", "process.stop", args, "stop layer9-server (pid 4711)");
 *         struct hal9_step *prove = hal9_plan_step(plan, "prove", "port.prove", args2, "prove that 8080 can be bound");
 *         hal9_step_after(prove, "stop");
 *         return HAL9_OK;
 *     }
 *     struct hal9_op_result res = {0};
 *     hal9_op_run(&env, plan_free_port, &job, &res, &err);
 *
 * Journal lines (type): plan, begin {step, before, intent}, note {step, note}, done {step, ms, after, detail}, skip {step, why, before},
 * fail {step, ms, error, detail}, resume {by}, end {state, by}; each with its time. Steps are named by their name, unique in the plan. A step
 * that is carried out again after a kill keeps its begin line; a passive one gets another. States of more than 16 KiB lie in blobs.
 */
#ifndef HAL9OPS_OP_H
#define HAL9OPS_OP_H

#include <cjson/cJSON.h>
#include <hal9ops/base.h>
#include <hal9ops/store.h>

/* ---- step kinds -------------------------------------------------------------------------------- */

struct hal9_step_ctx; /* what a running step sees; see below */

enum hal9_recovery {
    HAL9_RECOVER_APPLY, /* apply again: it is safe from here */
    HAL9_RECOVER_DONE,  /* it has what was intended */
    HAL9_RECOVER_STOP,  /* neither: a person must look; the three values are shown */
};

/*
 * A kind of step. States (before, intent, now, after) are JSON objects; the member "observed" (pids, times, counts) is shown, never
 * compared. All functions may block, but wait only with hal9_step_wait() or on hal9_step_cancel_fd(), and may run on any thread.
 */
struct hal9_step_kind {
    const char *name; /* "process.stop" */
    int version;      /* of its args and states */
    unsigned flags;
    /* Canonical names of what it touches: "port:NETNS/8080", "unit:x.service", "service:x". NULL: nothing. */
    hal9_status (*resources)(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err);
    /* The world now. Also called when nothing may be changed. NULL: it can't be seen; before is {}, the step is never skipped, and found begun only
     * recover can tell. */
    hal9_status (*inspect)(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err);
    /* The world wanted; equal to before: already so, the step is skipped. NULL: {"done": true}, which is what a verify of NULL then takes for after. */
    hal9_status (*intent)(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err);
    /* Makes it so, durably. HAL9_E_INTERRUPTED while the cancel fd is readable leaves the step begun, to go on with; any other error has it failed. */
    hal9_status (*apply)(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err);
    /* Whether it is so; *ret_after goes to the journal, of the form that inspect gives: undo compares the two. NULL: inspect, compare with intent. */
    hal9_status (*verify)(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                          cJSON **ret_after, struct hal9_error *err);
    /* Found begun, and now is neither before nor intent (or there is no inspect). Decides, changes nothing. NULL: HAL9_RECOVER_STOP. */
    hal9_status (*recover)(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err);
    /* The step that takes it back: kind (static or owned by the table) and args (fresh). *ret_kind NULL: nothing to take back. NULL: never anything.
     * c's notes are those of the step that is taken back. */
    hal9_status (*invert)(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err);
    /* "stop layer9-server (pid 4711)", fresh: the title of a step whose planner gave none. NULL: its name. */
    char *(*describe)(const cJSON *args);
};
enum hal9_kind_flags {
    /* changes nothing (a proof, a gate, a watch): the first signal ends its waiting, a resume runs it anew */
    HAL9_KIND_PASSIVE = 1 << 0,
    /* passive, and HAL9_E_UNKNOWN of its apply is no failure: the operation is held there, open, for a person to decide; a resume asks again */
    HAL9_KIND_HOLDS = 1 << 1,
};

/* The registry: composed by config/, so that resume knows every tool's kinds. */
struct hal9_kinds {
    const struct hal9_step_kind *const *v;
    size_t n;
};
/* NULL where no kind has that name. */
HAL9_API const struct hal9_step_kind *hal9_kind_find(const struct hal9_kinds *k, const char *name);

/* What a step may ask of its surroundings. Valid during the call. */
HAL9_API const cJSON *hal9_step_args(const struct hal9_step_ctx *c);
/* NULL in a dry run without a state directory */
HAL9_API struct hal9_state *hal9_step_state(const struct hal9_step_ctx *c);
HAL9_API bool hal9_step_dry(const struct hal9_step_ctx *c);
HAL9_API bool hal9_step_forced(const struct hal9_step_ctx *c, const char *guard);
/* Writes a note line, durable when it returns: what recover, inspect and invert must know (a pid). The object is taken.
 * From apply and verify; HAL9_E_REFUSED elsewhere. */
HAL9_API hal9_status hal9_step_note(struct hal9_step_ctx *c, cJSON *note, struct hal9_error *err);
/* This step's notes so far, oldest first: a JSON array, borrowed. */
HAL9_API const cJSON *hal9_step_notes(const struct hal9_step_ctx *c);
/* "after" of an earlier step of this operation (of a skipped one: how it was found), or NULL; borrowed. */
HAL9_API const cJSON *hal9_step_after_of(const struct hal9_step_ctx *c, const char *step_name);
/* What should be there, where now is only compared with it: this very step's "after" where it was done (an undo looks whether it was changed since), or what a guarded
 * step should find; else NULL. Borrowed. */
HAL9_API const cJSON *hal9_step_result(const struct hal9_step_ctx *c);
/* A number of the operation that this process never gives again: what was seen for one is not taken for another's. */
HAL9_API uint64_t hal9_step_serial(const struct hal9_step_ctx *c);
/* What the person at the terminal sees while it lasts: "waiting for pid 4711 to end". */
HAL9_API void hal9_step_progress(struct hal9_step_ctx *c, const char *fmt, ...) HAL9_PRINTF(2, 3);
/* Facts about a failure for the fail line, records and words (who took the port again; the log's tail). Taken; replaces an earlier one. */
HAL9_API void hal9_step_detail(struct hal9_step_ctx *c, cJSON *detail);
/* Readable when this step should stop waiting: at the second signal, or the first for passive kinds. */
HAL9_API int hal9_step_cancel_fd(const struct hal9_step_ctx *c);
/* Waits until fd (or, -1, only the time) or the deadline (monotonic ms): HAL9_OK, HAL9_E_TIMEOUT, HAL9_E_INTERRUPTED. */
HAL9_API hal9_status hal9_step_wait(struct hal9_step_ctx *c, int fd, int64_t deadline_ms,
                                    struct hal9_error *err);

/*
 * state.verify (passive, holds): args {items: [{part, kind, args}], tries, every_ms, resources}. Whether the world is as a step of that kind with those
 * args would have it, for each item; read again up to `tries` times (10), every_ms (3 s) apart. What differs fails it, with {differences: [{part,
 * reason, wanted, now}]} in the detail; what can't be read, where nothing differs, holds it. resources: canonical names that it stands for.
 */
extern const struct hal9_step_kind hal9_kind_state_verify;

/* ---- plans ------------------------------------------------------------------------------------- */

enum hal9_on_fail {
    HAL9_FAIL_STOP, /* nothing that comes after it runs; the operation ends failed */
    HAL9_FAIL_WARN, /* told; the rest goes on */
};
struct hal9_step {
    char *name;
    char *kind;
    cJSON *args;
    char *title;
    struct hal9_strv after;
    enum hal9_on_fail on_fail;
    /* runs only when that step has failed (a revert), or was left out as its unless_failed says (the way back of a way); NULL: always */
    char *when_failed;
    char *or_failed; /* or that one; NULL */
    /* left out when that step has failed, or was itself left out (the further stops of a way that a gate has barred); what comes after s goes on. NULL: never */
    char *unless_failed;
    /* Compared with what was there when the plan was made (expect, which the executor fills by inspect, unless the planner has). What it is when the step begins
     * must be that, with what earlier steps of the operation did to the same thing put in place, or as intended: else HAL9_E_DRIFT, and the operation is left
     * open there (force "drift" overwrites). So it is where the step can't reach what it works on, or is refused: all but HAL9_E_FAILED leaves it open. */
    bool guarded;
    cJSON *expect;
    /* no safe place to stop between this step and those right after it (stop -> start) */
    bool keep_going;
};
struct hal9_plan {
    char *title;             /* "free 8080/tcp from layer9-server" */
    char *service;           /* or NULL */
    cJSON *subject;          /* what history shows: {"port": 8080}, or NULL */
    struct hal9_strv undoes; /* ids of operations that this one takes back */
    /* Once the step of this name is done, the operation has taken back itself all that it did: an undo has nothing to do. NULL: none */
    char *taken_back;
    struct hal9_step **steps;
    size_t n, cap;
};
/* Adds a step; args are taken; the plan owns it, with all that is set in it later. */
HAL9_API struct hal9_step *hal9_plan_step(struct hal9_plan *p, const char *name, const char *kind,
                                          cJSON *args, const char *title_fmt, ...)
    HAL9_PRINTF(5, 6);
HAL9_API void hal9_step_after(struct hal9_step *s, const char *name);
HAL9_API struct hal9_step *hal9_plan_find(const struct hal9_plan *p, const char *name);
HAL9_API void hal9_plan_clear(struct hal9_plan *p);

/* Fills an empty plan; called again under the locks. Must not change anything. An empty plan means: nothing to do. */
typedef hal9_status (*hal9_plan_fn)(void *data, struct hal9_plan *ret_plan, struct hal9_error *err);

/* ---- running ------------------------------------------------------------------------------------ */

enum hal9_step_state {
    HAL9_STEP_PENDING,
    HAL9_STEP_RUNNING,
    HAL9_STEP_DONE,
    HAL9_STEP_SKIPPED,
    HAL9_STEP_WARNED,
    HAL9_STEP_FAILED,
    HAL9_STEP_NOT_RUN
};
enum hal9_op_state {
    HAL9_OP_OPEN, /* no end yet: running, interrupted or killed */
    HAL9_OP_DONE,
    HAL9_OP_FAILED,     /* it ended in order, but a step failed */
    HAL9_OP_ABORTED,    /* frozen by a person */
    HAL9_OP_SUPERSEDED, /* a later operation on the same thing took over */
    /* done, and taken back by a later operation (derived, never written as an end) */
    HAL9_OP_UNDONE,
};
HAL9_API const char *hal9_step_state_name(enum hal9_step_state s); /* "done", "skipped", ... */
HAL9_API const char *hal9_op_state_name(enum hal9_op_state s);     /* "open", "done", ... */

struct hal9_step_report {  /* one step, as observers and readers see it */
    const char *operation; /* id; NULL in a dry run */
    size_t index, count;   /* k of n, 1-based */
    const char *name, *kind, *title;
    enum hal9_step_state state;
    int64_t ms;         /* it took so long */
    const char *reason; /* why skipped; the error's message; NULL */
    const char *hint;
    const cJSON *before, *intent, *after, *detail;
};
/* Turned-round calls: the terminal, records and notify connect here. All NULL-able, called with the executor's lock held, one at a time. */
struct hal9_observer {
    void *data;
    void (*on_plan)(void *data, const char *id, const struct hal9_plan *plan);
    /* at RUNNING and at each end */
    void (*on_step)(void *data, const struct hal9_step_report *r);
    void (*on_progress)(void *data, const struct hal9_step_report *r, const char *text);
    void (*on_wait)(void *data, const char *resource, const struct hal9_lock_note *for_whom);
    /* an unfinished operation was settled: "superseded: step 'stop' was done" */
    void (*on_found)(void *data, const char *id, const char *what);
    void (*on_end)(void *data, const char *id, enum hal9_op_state state);
};

/* Signals: the tool's handler makes soft_fd readable at the first INT/TERM/HUP, hard_fd at the second. -1: none. */
struct hal9_cancel {
    int soft_fd;
    int hard_fd;
    volatile int signal;
    /* The safe stop is that of a deadline: what is left open is told as HAL9_E_TIMEOUT. */
    volatile int timed_out;
};

struct hal9_op_env {
    const char *tool;         /* "hal9-portfix": `by` in history */
    const char *run;          /* the incident */
    const char *const *argv;  /* for the audit; NULL-able */
    struct hal9_state *state; /* NULL only with dry_run */
    const char *lock_dir;     /* NULL: the host's */
    int64_t lock_timeout_ms;  /* < 0 for ever */
    bool dry_run;
    const struct hal9_strv *force; /* guards lifted: "drift", "foreign", ... NULL-able */
    const struct hal9_kinds *kinds;
    const struct hal9_observer *observer; /* NULL-able */
    struct hal9_cancel *cancel;           /* NULL-able */
    size_t parallel;                      /* steps at once where the plan allows; 0: 8 */
};

struct hal9_op_result {
    char id[HAL9_ID_LEN + 1]; /* "" when nothing was to do or in a dry run */
    enum hal9_op_state state;
    size_t steps, done, skipped, failed, warned, not_run;
    bool changed; /* some step's apply ran */
    bool resumable;
    bool nothing;      /* the plan was empty, or every step was already so */
    char *failed_step; /* name of the first that failed */
    char *failed_kind;
    /* why nothing was to do, where that isn't plain: "already undone by 01jd..."; what an abort found;
     * NULL */
    char *why;
    struct hal9_error error; /* its error */
    cJSON *detail;           /* its detail */
};
/* Frees and zeroes. */
HAL9_API void hal9_op_result_clear(struct hal9_op_result *r);

/*
 * Plans, locks, plans again, journals, acts. HAL9_OK: it reached an end (res->state DONE or FAILED; nothing). Errors: HAL9_E_BUSY, HAL9_E_INTERRUPTED
 * (res->resumable), HAL9_E_IO of the journal, the planner's own (HAL9_E_REFUSED...): nothing was touched unless res->id is set.
 * A plan of which every step is already so writes no journal. An unfinished operation found on one of the resources is settled and superseded
 * first, and told by on_found; one whose journal can't be read needs force "foreign".
 */
HAL9_API hal9_status hal9_op_run(const struct hal9_op_env *env, hal9_plan_fn plan, void *data,
                                 struct hal9_op_result *ret, struct hal9_error *err);
/* Goes on with an operation that has no end. A begun step: now equals intent -> done; now equals before -> apply; else the kind's recover, or
 * HAL9_E_DRIFT with before, intent and now in the detail (force "drift" applies). */
HAL9_API hal9_status hal9_op_resume(const struct hal9_op_env *env, const char *id,
                                    struct hal9_op_result *ret, struct hal9_error *err);
/* Takes back the done steps (and one that was left half-way), last first, as an ordinary operation. Refused (HAL9_E_REFUSED) while a later operation
 * touched the same thing and was not itself undone; HAL9_E_DRIFT when the world isn't as the operation left it (force "drift"), with failed_step and
 * detail set. With nothing to take back: nothing, and why. One that is open is ended first (aborted); an undo of the same that was begun and not
 * ended is gone on with. */
HAL9_API hal9_status hal9_op_undo(const struct hal9_op_env *env, const char *id,
                                  struct hal9_op_result *ret, struct hal9_error *err);
/* All operations of a run that changed something, newest first; stops at the first that fails.
 * n_ret results, fresh array; set on failure, too: clear each and free it. */
HAL9_API hal9_status hal9_op_undo_run(const struct hal9_op_env *env, const char *run,
                                      struct hal9_op_result **ret, size_t *n_ret,
                                      struct hal9_error *err);
/* Freezes an open operation as it stands: settles the begun step, writes end aborted. A no-op on one that has ended (res->nothing).
 * On another host only with force "foreign", and without looking. */
HAL9_API hal9_status hal9_op_abort(const struct hal9_op_env *env, const char *id,
                                   struct hal9_op_result *ret, struct hal9_error *err);

/* For a run that has nothing to do: ends (superseded) the unfinished operations on these things (canonical names, as step kinds tell them) that have
 * nothing left to change: killed before their first change, or after their last. One between two changes is left for resume or undo. HAL9_E_BUSY:
 * another run is at work there. */
HAL9_API hal9_status hal9_op_tidy(const struct hal9_op_env *env, const struct hal9_strv *names,
                                  struct hal9_error *err);

/* ---- reading ------------------------------------------------------------------------------------- */

struct hal9_op_step {
    char *name, *kind, *title;
    enum hal9_step_state state;
    int64_t ms;
    char *reason;
    cJSON *args, *expect, *before, *intent, *after, *detail, *notes;
    int version;             /* of the kind that the plan was made for */
    bool passive;            /* it changes nothing: a proof, a gate */
    bool warns;              /* its failure is told, and the rest goes on */
    size_t order;            /* the how-manieth to end done, from 1; 0: it didn't */
    struct hal9_error error; /* of a failed one */
};
struct hal9_op {
    char *id, *run, *by, *user, *host, *title, *service;
    int64_t started_ms, ended_ms; /* ended 0: open */
    enum hal9_op_state state;
    bool running;   /* open, and a live process has its journal */
    bool resumable; /* open and not running */
    struct hal9_strv undoes;
    char *undone_by; /* id, or NULL */
    /* the operation that superseded it, the user who aborted it; NULL */
    char *ended_by;
    bool changed; /* some step that is not passive was done, or left half-way */
    struct hal9_op_step *steps;
    size_t n_steps, n_done;
    cJSON *plan; /* the plan line */
};
/* Reads one operation by its whole id; hal9_op_clear() frees what *ret holds. */
HAL9_API hal9_status hal9_op_load(struct hal9_state *s, const char *id, struct hal9_op *ret,
                                  struct hal9_error *err);
/* The same without states that lie in blobs, which may be another user's alone: {"blob": SHA-256} stands for each. */
HAL9_API hal9_status hal9_op_look(struct hal9_state *s, const char *id, struct hal9_op *ret,
                                  struct hal9_error *err);
HAL9_API void hal9_op_clear(struct hal9_op *o);
/* Oldest first, states that lie in blobs left as {"blob": SHA-256}; damaged journals are passed to bad (NULL-able) and skipped. A non-zero return of fn ends it. */
HAL9_API hal9_status hal9_op_each(struct hal9_state *s,
                                  int (*fn)(const struct hal9_op *o, void *data),
                                  void (*bad)(const char *id, const struct hal9_error *e,
                                              void *data),
                                  void *data, struct hal9_error *err);

/* As hal9_op_each(), the newest n alone (0: all): older journals are not opened. */
HAL9_API hal9_status hal9_op_last(struct hal9_state *s, size_t n,
                                  int (*fn)(const struct hal9_op *o, void *data),
                                  void (*bad)(const char *id, const struct hal9_error *e,
                                              void *data),
                                  void *data, struct hal9_error *err);

#endif
