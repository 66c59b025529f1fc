/* One operation in memory: its plan, where each step stands, its journal and locks. What the files of this room share. */
#ifndef HAL9_OP_INTERNAL_H
#define HAL9_OP_INTERNAL_H

#include <pthread.h>

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/op.h"

#define OP_FORMAT 2 /* of the journal's lines: 2 has or_failed, unless_failed, expect, taken_back */
#define OP_BLOB_FROM ((size_t)16384) /* a state of more bytes goes to a blob */
#define OP_NONE SIZE_MAX             /* no step */

struct op_step {
    const struct hal9_step *plan;      /* borrowed from the operation's plan */
    const struct hal9_step_kind *kind; /* NULL: not known to this build */
    int version;                       /* of the kind that the plan was made for */
    bool passive;                      /* as the journal says, where the kind is not known */
    size_t index;                      /* in the plan */
    size_t *after;                     /* plan->after.n indices */
    size_t when_failed, or_failed, unless_failed; /* indices, or OP_NONE */
    enum hal9_step_state state;
    bool begun;     /* the journal has its begin */
    bool parked;    /* not to be begun or gone on with in this run */
    bool committed; /* what was done before it may not be left without it (stop -> start) */
    bool needless;  /* NOT_RUN because nothing called for it */
    size_t order;   /* the how-manieth to end done, from 1; 0: it didn't */
    int64_t started_us, ms;
    cJSON *before, *intent, *result, *detail, *notes;
    char *why; /* why it was skipped */
    struct hal9_error error;
    pthread_t thread;
    bool threaded, thread_done;
};

struct operation {
    const struct hal9_op_env *env;
    uint64_t serial;          /* of this process; never the same twice */
    char id[HAL9_ID_LEN + 1]; /* "" until it has a journal */
    struct hal9_plan plan;
    struct op_step *steps;    /* plan.n, in the plan's order */
    struct op_step **by_name; /* sorted */
    size_t *order;            /* indices, each step after those it waits for */
    struct hal9_strv resources;
    struct hal9_journal *journal;
    struct hal9_locks *locks;
    pthread_mutex_t
        lock;            /* guards all that follows, the steps' states, the journal, the observer */
    pthread_cond_t wake; /* a step has ended */
    size_t running;
    size_t done;       /* steps that ended done so far: gives their order */
    bool changed;      /* the apply of a step that isn't passive ran */
    bool journal_lost; /* a line could not be written */
    size_t last;       /* the step that ended last, or OP_NONE */
    size_t failed;     /* the first that failed, or OP_NONE */
    size_t held;       /* one found half-way, changed by others, or without data; or OP_NONE */
    struct hal9_error stopped; /* why no further step is begun; code 0: nothing stops it */
    enum hal9_op_state end;    /* as journaled */
};

struct hal9_step_ctx {
    struct operation *op;
    struct op_step *step;
    bool dry;          /* only looked at: a dry run, a comparison */
    bool acting;       /* carried out: notes may be written */
    const cJSON *then; /* what should be there, where now is only compared with it; NULL */
    int cancel_fd;     /* -1 none */
};

/* ---- operation.c, set-loaded.c: life of an operation in memory */
void op_init(struct operation *op, const struct hal9_op_env *env);
void op_free(struct operation *op);
#define _cleanup_operation_ _cleanup_(op_free)
/* Takes the plan, checks names and references, looks up the kinds. */
hal9_status op_set_plan(struct operation *op, struct hal9_plan *plan, struct hal9_error *err);
/* Out of a loaded one, whose steps' values are taken. */
hal9_status op_set_loaded(struct operation *op, struct hal9_op *o, struct hal9_error *err);
/* HAL9_E_UNSUPPORTED unless this build knows the kinds of all steps that are still to run. */
hal9_status op_need_kinds(const struct operation *op, struct hal9_error *err);
struct hal9_step_ctx op_ctx(struct operation *op, struct op_step *s);
bool op_passive(const struct op_step *s);
/* Whether it was left out because nothing called for it. */
bool op_left_out(const struct op_step *s);
bool op_forced(const struct hal9_op_env *env, const char *guard);

/* Whether it has taken back itself what it did. */
bool op_taken_back(const struct hal9_op *o);

/* ---- plan-check.c, plan-json.c */
hal9_status op_plan_link(struct operation *op, struct hal9_error *err);
struct op_step *op_step_named(const struct operation *op, const char *name);
hal9_status op_plan_line(const struct operation *op, cJSON **ret, struct hal9_error *err);
void op_plan_parse(const cJSON *line, struct hal9_plan *ret);
void op_add_actor(cJSON *line, const struct hal9_op_env *env);

/* ---- resources.c */
hal9_status op_step_resources(const struct op_step *s, struct hal9_strv *ret,
                              struct hal9_error *err);
/* Adds what the operation's steps touch, and its service. */
hal9_status op_resources(const struct operation *op, struct hal9_strv *ret, struct hal9_error *err);
/* HAL9_E_REFUSED when a service that it works on is held. */
hal9_status op_not_held(const struct operation *op, struct hal9_error *err);
bool op_strv_meet(const struct hal9_strv *a, const struct hal9_strv *b);
bool op_strv_within(const struct hal9_strv *small, const struct hal9_strv *large);

/* ---- state.c: states of steps */
/* Equal but for "observed". */
bool op_state_equal(const cJSON *a, const cJSON *b);
/* The world now; {} where the kind can't tell. */
hal9_status op_inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err);
/* Sets the step's before and intent. */
hal9_status op_look(struct hal9_step_ctx *c, struct hal9_error *err);
bool op_is_so(const struct op_step *s, const cJSON *now, const cJSON *intent);
/* {"before", "intent", "now"}, copies. */
cJSON *op_three_values(const cJSON *before, const cJSON *intent, const cJSON *now);
/* For a message: compact, without "observed", cut where it is long. Fresh. */
char *op_value_text(const cJSON *state);
/* difference.c: what differs, for a message: "servers/s1/weight is 5, was 100; and 3 more". "nothing" where nothing does. Fresh. */
char *op_difference(const cJSON *then, const cJSON *now);
/* The same of what is wanted: "servers/s1/weight is 5, not 100". Fresh. */
char *op_wanted(const cJSON *wanted, const cJSON *now);

/* ---- packed.c: large states lie in blobs */
hal9_status op_pack(struct hal9_state *state, const cJSON *value, cJSON **ret,
                    struct hal9_error *err);
hal9_status op_unpack(struct hal9_state *state, cJSON **value, struct hal9_error *err);

/* ---- lines.c: what goes to the journal; callers hold op->lock where steps run */
cJSON *op_line(const char *type, const struct op_step *s);
hal9_status op_write_plan(struct operation *op, struct hal9_error *err);
hal9_status op_write_begin(struct operation *op, struct op_step *s, struct hal9_error *err);
hal9_status op_write_note(struct operation *op, struct op_step *s, const cJSON *note,
                          struct hal9_error *err);
hal9_status op_write_done(struct operation *op, struct op_step *s, struct hal9_error *err);
hal9_status op_write_skip(struct operation *op, struct op_step *s, struct hal9_error *err);
hal9_status op_write_fail(struct operation *op, struct op_step *s, struct hal9_error *err);
hal9_status op_write_resume(struct operation *op, struct hal9_error *err);
/* Sets op->end and closes the journal. */
hal9_status op_write_end(struct operation *op, enum hal9_op_state state, const char *by,
                         struct hal9_error *err);

/* ---- tell.c: the observer; callers hold op->lock where steps run */
void op_tell_plan(const struct operation *op);
void op_tell_step(const struct operation *op, const struct op_step *s, enum hal9_step_state state);
void op_tell_progress(const struct operation *op, const struct op_step *s, const char *text);
void op_tell_found(const struct hal9_op_env *env, const char *id, const char *what);
void op_tell_end(const struct operation *op);

/* ---- ended.c: a step's begin and end, journaled and told; they take op->lock */
/* false: it could not be journaled, so it must not be done. */
bool op_step_begin(struct operation *op, struct op_step *s);
/* Takes after. */
void op_step_done(struct operation *op, struct op_step *s, cJSON *after);
void op_step_skipped(struct operation *op, struct op_step *s, const char *why);
/* Takes the error. */
void op_step_failed(struct operation *op, struct op_step *s, struct hal9_error *error);
/* It can't go on without a person: it stays as it is, which is told with all that is known of it. Takes why and detail (NULL-able). */
void op_step_held(struct operation *op, struct op_step *s, cJSON *detail, struct hal9_error *why);
/* It stays as it is; nothing further is begun but what must follow. Takes why. */
void op_step_park(struct operation *op, struct op_step *s, struct hal9_error *why);
/* Makes op->stopped say where an interruption left it. */
void op_say_interrupted(struct operation *op);

/* ---- expect.c: what was there when the plan was made */
hal9_status op_fill_expect(struct operation *op, struct hal9_error *err);
/* Whether somebody else has changed it since. Then it is parked, and all is told; callers don't hold the lock. */
bool op_step_drifted(struct operation *op, struct op_step *s);

/* ---- step-run.c, recover.c: one step */
void op_step_run(struct operation *op, struct op_step *s);
void op_step_apply(struct hal9_step_ctx *c);
void op_step_recover(struct hal9_step_ctx *c);
enum op_begun { OP_HALF_WAY, OP_IS_DONE, OP_NOT_BEGUN, OP_APPLY_AGAIN };
/* What became of a step that was begun, given what is seen now. */
hal9_status op_judge_begun(struct hal9_step_ctx *c, const cJSON *now, enum op_begun *ret,
                           struct hal9_error *err);
cJSON *op_after_of_begun(const struct op_step *s, const cJSON *now);

/* ---- ready.c: which step may run; callers hold op->lock */
enum op_pace {
    OP_ALL,
    OP_COMMITTED, /* only what must follow what was done */
    OP_NOTHING,
};
/* The next step that may be begun now, or NULL; those that can't run any more are marked and told. */
struct op_step *op_next_ready(struct operation *op, enum op_pace pace);
bool op_step_ended(const struct op_step *s);
/* Finds out which steps of a loaded operation must follow. */
void op_commit_loaded(struct operation *op);

/* ---- executor.c */
/* Whether a signal has asked for a safe stop (or more); for an end at once. */
bool op_soft(const struct hal9_op_env *env);
bool op_hard(const struct hal9_op_env *env);
/* Runs all that can run. HAL9_OK: every step has ended, the end line is written; else it is left open. */
hal9_status op_execute(struct operation *op, struct hal9_error *err);

/* ---- locks.c */
hal9_status op_lock(struct operation *op, const struct hal9_strv *names, struct hal9_error *err);
void op_lock_note(struct operation *op, bool ended);

/* ---- unfinished.c */
/* Takes the journal for writing and loads it. *ret_open false: it has ended, op->end tells how. */
hal9_status op_reopen(struct operation *op, const char *id, bool *ret_open, struct hal9_error *err);
/* HAL9_E_BUSY in words: who has it. */
hal9_status op_busy(struct hal9_state *state, const char *id, struct hal9_error *err);
bool op_of_this_host(const cJSON *plan_line);
hal9_status op_need_host(const struct hal9_op *o, struct hal9_error *err);

/* ---- found.c: unfinished operations on the same things */
struct op_found {
    char *id;
    struct hal9_state *other; /* another state directory, owned; NULL: the tool's own */
};
struct op_founds {
    struct op_found *v;
    size_t n, cap;
    struct hal9_strv seen; /* ids that were looked at */
};
/* All but the one named (NULL-able). */
hal9_status op_find_unfinished(struct operation *op, const char *but, struct op_founds *ret,
                               struct hal9_error *err);
void op_founds_free(struct op_founds *f);
/* Settles each and writes its end; by: the id that takes over, or NULL. */
hal9_status op_supersede(const struct hal9_op_env *env, const struct op_founds *f, const char *by,
                         struct hal9_error *err);

/* ---- settle.c */
/* Writes what became of each begun step, never applies. blind: without looking. *ret_words: "step 'stop' was done". */
hal9_status op_settle(struct operation *op, bool blind, char **ret_words, struct hal9_error *err);

/* ---- start.c: a plan becomes an operation */
struct op_source {
    /* As hal9_plan_fn; ret_more: what it touches beside what its steps name. */
    hal9_status (*plan)(void *data, struct hal9_plan *ret, struct hal9_strv *ret_more,
                        struct hal9_error *err);
    void *data;
};
hal9_status op_start(const struct hal9_op_env *env, const struct op_source *source,
                     struct hal9_op_result *ret, struct hal9_error *err);

/* ---- dry-run.c */
hal9_status op_dry_run(struct operation *op, struct hal9_op_result *ret);
/* Whether all is as the plan wants it, before anything ran: and there is something to want. */
bool op_all_so(struct operation *op);

/* ---- result.c */
void op_count(const struct operation *op, struct hal9_op_result *ret);
void op_result_fill(struct operation *op, struct hal9_op_result *ret);

/* ---- load.c, lines-read.c, undone.c */
/* The operation as its lines tell it, without what later ones did to it. blobs: fetch the large states. */
hal9_status op_read(struct hal9_state *state, const char *id, bool blobs, struct hal9_op *ret,
                    struct hal9_error *err);
hal9_status op_read_lines(const cJSON *lines, const char *id, struct hal9_op *o,
                          struct hal9_error *err);
/* Who undid whom, by the plan lines of all operations after `from` (NULL: of all). */
struct op_undo_pair {
    char *undone, *by;
};
struct op_undo_index {
    struct op_undo_pair *v; /* by what was undone, then by whom */
    size_t n, cap;
};
hal9_status op_undo_index(struct hal9_state *state, const char *from, struct op_undo_index *ret,
                          struct hal9_error *err);
void op_undo_index_free(struct op_undo_index *x);
/* The operation that took id back and wasn't itself taken back, or NULL; borrowed from the index. */
const char *op_undone_by(struct hal9_state *state, const struct op_undo_index *x, const char *id);

/* ---- undo-plan.c, undo-later.c */
struct op_undo {
    const struct hal9_op_env *env;
    const char *id;
    const char *but_run;      /* operations of this run don't stand in the way; NULL */
    struct hal9_strv covered; /* what can't be compared now */
    char *why;                /* why there is nothing to do */
    char *drifted;            /* the step that was changed since, and its values */
    cJSON *detail;
};
/* An op_source's plan; data is a struct op_undo. */
hal9_status op_undo_plan(void *data, struct hal9_plan *ret, struct hal9_strv *ret_more,
                         struct hal9_error *err);
/* HAL9_E_REFUSED: a later operation touched the same, and what it did still holds. */
hal9_status op_nothing_later(struct hal9_state *state, const struct hal9_op *o, const char *but_run,
                             struct hal9_error *err);

#endif
