/* What the files of `hal9-rollback rehearse` share: the parts with how they were, and what a round made of them. */
#ifndef HAL9_ROLLBACK_REHEARSE_H
#define HAL9_ROLLBACK_REHEARSE_H

#include "hal9ops/workload.h"
#include "rollback-internal.h"

#define RB_KILLS 3 /* the first, the middle and the last change */

struct rb_rehearsed {
    const struct rb_part *part;
    const char *label;
    const cJSON *then; /* in the snapshot; borrowed from it */
    char *skipped;     /* why it can't be disturbed; NULL: it can */
    char *broken;      /* why this round could not disturb it; NULL: it did */
    size_t group;      /* parts that need each other go back together */
};
struct rb_rehearsal {
    struct hal9_rehearsal *job;
    const struct hal9_op_env *env;
    const struct hal9_rollback_spec *plan;
    struct rb_parts parts;
    struct rb_rehearsed *v; /* one for each part */
    size_t n, groups;
    cJSON *snapshot;
    const char *id; /* of it; borrowed */
};

void rb_rehearse_say(const struct rb_rehearsal *r, const char *fmt, ...) HAL9_PRINTF(2, 3);
bool rb_rehearse_stopped(const struct rb_rehearsal *r); /* a signal asks for the end */

/* ---- rollback-rehearse-disturb.c */
/* Every part is made another, as one operation; broken of each is set. */
hal9_status rb_disturb(struct rb_rehearsal *r, struct hal9_error *err);

/* ---- rollback-rehearse-child.c: one rollback in a process of its own */
struct rb_child {
    enum hal9_strategy strategy;
    struct hal9_strv parts; /* empty: all */
    bool best_effort;
    size_t kill_at; /* line of the journal; 0: never */
    /* filled */
    char *operation; /* its id; NULL: it made none */
    int exit;        /* of the rollback, or of its resume */
    char *words;     /* what it said last, where it didn't succeed */
    bool killed;
    size_t killed_line, lines;
    int64_t ms;
};
void rb_child_clear(struct rb_child *c);
hal9_status rb_child_run(const struct rb_rehearsal *r, struct rb_child *c, struct hal9_error *err);
/* The lines of the journal at which a change begins. *ret is fresh. */
size_t rb_child_changes(const struct rb_rehearsal *r, const struct rb_child *c, size_t **ret);

/* ---- rollback-rehearse-run.c: a round of one strategy */
hal9_status rb_rehearse_all(struct rb_rehearsal *r, struct hal9_error *err);
/* Whether a part is as in the snapshot. HAL9_OK with *ret_words NULL: it is; else the difference. Fresh. */
hal9_status rb_rehearse_compare(const struct rb_rehearsal *r, const struct rb_rehearsed *p,
                                char **ret_words, struct hal9_error *err);

/* ---- rollback-rehearse-settle.c */
/* Takes back what killed rehearsals of this plan have left. */
hal9_status rb_rehearse_settle(struct rb_rehearsal *r, struct hal9_error *err);

/* ---- rollback-sandbox-haproxy.c: balancers of a sandbox */
/* The file of haproxy; NULL: it isn't installed. Static. */
const char *rb_haproxy(void);
/* One with these backends: text of its configuration file. It answers at SOCKET when this returns. */
hal9_status rb_haproxy_start(const char *root, const char *name, const char *backends,
                             const char *socket, int cancel_fd, struct hal9_error *err);
/* Ends all that were started below root. */
void rb_haproxy_end(const char *root);

/* ---- rollback-sandbox-root.c: the folder of a sandbox */
/* Makes one of this user's own, locked; removes what killed ones have left. */
hal9_status rb_sandbox_root(char **ret_root, int *ret_lock,
                            void (*told)(void *data, const char *words), void *data,
                            struct hal9_error *err);
void rb_sandbox_remove(const char *root);

#endif
