/* What the files of hal9-rollback share: one file a group of subcommands, one line each in the table of hal9-rollback.c. */
#ifndef HAL9_CMD_ROLLBACK_H
#define HAL9_CMD_ROLLBACK_H

#include "cli.h"

/* The operation or run that a word names; CLI_HOLDS, or all is told. Exactly one of the two is set, fresh. */
int rollback_find(const char *word, char **ret_operation, char **ret_run);

/* The subcommands: each returns the exit code. rollback-history.c: */
int rollback_status(void);
int rollback_history(void);
int rollback_show(void);
/* rollback-undo.c: */
int rollback_resume(void);
int rollback_undo(void);
int rollback_abort(void);
/* rollback-snapshot.c: the end of a snapshot's id, which will mostly do for a person; borrowed from id. */
const char *rollback_short_id(const char *id);
int rollback_snapshot(void);
int rollback_list(void);
/* The snapshot that a word names; CLI_HOLDS, or all is told. */
int rollback_load_snapshot(const char *word, cJSON **ret);
void rollback_show_snapshot(const cJSON *snapshot);
/* As a record, or one line of words. did: what was done with it, or NULL; extra: more members, taken; NULL-able. */
void rollback_tell_snapshot(const cJSON *snapshot, const char *did, cJSON *extra);
/* rollback-diff.c: */
int rollback_diff(void);
/* rollback-prune.c: */
int rollback_prune(void);
/* rollback-prune-operations.c: */
int rollback_prune_operations(void);
/* rollback-prune-snapshots.c: */
int rollback_prune_snapshots(void);
/* rollback-export.c: */
int rollback_export(void);
int rollback_import(void);

/* rollback-to.c: */
int rollback_to(void);
/* How an operation that stands still, or a rollback that has failed, is told; the exit code. */
int rollback_held(const struct hal9_op_result *r, const struct hal9_error *err);
int rollback_failed(const struct hal9_op_result *r);
/* Where the parts of a rollback stand, a line each; nothing for other operations. */
void rollback_stands(const char *id);
/* A rollback has ended well: how all is now is what last-healthy means. */
void rollback_keep_healthy(const char *id);

/* rollback-forward.c: */
int rollback_forward(void);
/* How a forward that has come to an end is told; the exit code, or -1: the operation is none. */
int rollback_forward_ended(const char *id);
/* Whether it is one, for words. */
bool rollback_is_forward(const char *id);
/* rollback-rehearse.c: */
int rollback_rehearse(void);
/* Whether it may be begun at all, before anything is opened; CLI_USAGE, told. */
int rollback_rehearse_check(void);
/* rollback-junit.c: the document of [{"name", "run_ms", "parts": [...]}]; trouble: the first error, or NULL. Returns code. */
int rollback_junit(const cJSON *runs, const char *trouble, int code);
/* What a subcommand has counted, for its end. */
extern struct hal9_stage_result rollback_counted;

/* rollback-flags.c: it opens what it needs itself. */
int rollback_flags(void);

/* rollback-watch.c, rollback-tick.c: they open what they need, and tell where they begin and end, themselves. */
int rollback_watch(void);
int rollback_tick(void);

/* Their options. */
struct rollback_options {
    int last; /* --last */
    /* of prune */
    int keep; /* -1: not told */
    char *older;
    int operations;
    char *store; /* --store: a flag store without a configuration */
    char *token; /* --token: a reference, for that */
    char *every; /* --every: how often flags watch asks a server */
    /* of snapshot and to */
    int best_effort;
    char *plan;
    char *until; /* --to: the phase that forward stops at */
    char *strategy;
    char *parts;  /* a list with commas */
    char **files; /* --file, NULL-terminated; NULL: none */
    /* of watch */
    char *rounds;
    int reset; /* forget what was tried */
    /* of rehearse */
    char *environment; /* --env */
    int sandbox, thorough;
};
extern struct rollback_options rollback_options;

#endif
