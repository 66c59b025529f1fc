/* What the files of hal9-rollback share: one file a group of subcommands, one line each in the table of hal9-rollback.c. */
#ifndef HAL9_CMD_ROLLBACK_H
#define HAL9_CMD_ROLLBACK_H

#include "cli.h"

/* The part of an operation's id that people are shown; borrowed from id. */
const char *rollback_shorter(const char *id);
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

/* Their options. */
struct rollback_options {
    int last; /* --last */
};
extern struct rollback_options rollback_options;

#endif
