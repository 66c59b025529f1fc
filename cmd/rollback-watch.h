/* What the files of hal9-rollback watch share. */
#ifndef HAL9_CMD_ROLLBACK_WATCH_H
#define HAL9_CMD_ROLLBACK_WATCH_H

#include "rollback.h"

struct watching {
    const struct hal9_rollback_spec *plan;
    struct hal9_rollback_watch *w;
    struct hal9_attempts attempts;
    int64_t every_ms, rounds; /* of one that looks itself; rounds 0: no end */
    bool fired;               /* dry run: it would have */
    int code;                 /* of the last rollback that failed; CLI_HOLDS: none did */
    bool paged;               /* somebody was paged for that, and not told yet that it is over */
};

/* rollback-watch-act.c: */
/* A decision, and what follows from it. */
void rollback_watch_decided(struct watching *w, const struct hal9_watch_decision *d);
/* Who was paged for a rollback that failed is told when all is well again. */
void rollback_watch_recovered(struct watching *w);
/* What a watch that was killed was about to do, looked up in the history. */
void rollback_watch_settle(struct watching *w);
/* hal9-rollback watch --reset: cool-down and attempts are forgotten. */
int rollback_watch_reset(const struct hal9_rollback_spec *plan);

/* rollback-watch-look.c: without a pipe, round by round, until a signal. */
int rollback_watch_look(struct watching *w);
/* rollback-watch.c: what was collected counts, up to its last decision. */
void rollback_watch_count(struct watching *w);
/* The exit code as things stand. */
int rollback_watch_code(const struct watching *w);

#endif
