/* What the files of hal9-restart share. */
#ifndef HAL9_CMD_RESTART_H
#define HAL9_CMD_RESTART_H

#include "cli.h"

/* What one run is about. */
struct restart_job {
    struct hal9_restart restart;
    struct hal9_restart_findings found;
    struct hal9_stage_result end;
    struct hal9_strv told; /* those of which all is said */
    int own;               /* what this tool has found */
    bool asked;            /* a person was */
    cJSON *verdicts;       /* the records that are acted on, by service */
};

/* restart-tell.c. What is wrong counts before what isn't known, and that before all is well. */
void restart_worse(struct restart_job *j, int code);
/* What is shown in words already is an entry of the list at 3am. */
void restart_next_at_night(const struct hal9_error *err);
/* Says what is found; of how many something is to be done. */
size_t restart_tell_found(struct restart_job *j);
/* Says how it ended; the exit code so far. */
int restart_tell_outcome(struct restart_job *j, const struct hal9_op_result *res);
/* What is counted at the end of the stage. */
void restart_count(struct restart_job *j);

/* restart-hold.c: the subcommands; each returns the exit code. */
struct restart_hold_options {
    char *time, *reason;
};
int restart_hold(const struct restart_hold_options *o);
int restart_unhold(void);
int restart_holds(void);

#endif
