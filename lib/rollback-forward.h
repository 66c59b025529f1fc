/* What the files of `hal9-rollback forward` share: where a migration stands, and the way up with its way back. */
#ifndef HAL9_ROLLBACK_FORWARD_H
#define HAL9_ROLLBACK_FORWARD_H

#include "rollback-to.h"

/* The forward of a plan that is the last to have left its mark; id NULL: none that still counts. */
struct rb_past {
    char *id, *snapshot;
    struct hal9_strv passed; /* phases whose gates have passed */
    bool open;
    bool lost; /* something failed, and it isn't back */
};

struct rb_forward {
    const struct hal9_rollback_forward *job;
    const struct hal9_rollback_spec *plan;
    const struct hal9_forward_spec *spec;
    struct rb_past past;
    size_t start, end; /* the phases that it goes through: [start, end) */
    bool fresh;        /* its snapshot was taken just now: nothing may differ from it */
    struct hal9_rollback_to question;
    struct rb_to to; /* the snapshot, and the parts as they are */
};

const struct hal9_phase_spec *rb_phase(const struct hal9_forward_spec *f, size_t k);

/* ---- rollback-forward-past.c */
/* state NULL: none. */
hal9_status rb_past_find(struct hal9_state *state, const char *plan, struct rb_past *ret,
                         struct hal9_error *err);
void rb_past_clear(struct rb_past *p);
/* The first phase that is still to be gone through, of n: n, all is done. share: of the new path, percent. passed: those whose gates have passed; NULL: nothing is known. */
size_t rb_forward_start(const struct hal9_forward_spec *f, double share,
                        const struct hal9_strv *passed);

/* ---- rollback-forward.c */
/* A command in words, cut where it is long. Fresh. */
char *rb_command_words(const struct hal9_strv *argv);
/* HAL9_E_DRIFT where the migration stands elsewhere than it did at first: another run was at work. */
hal9_status rb_forward_stays(const struct rb_forward *f, struct hal9_error *err);

/* ---- rollback-forward-plan.c, rollback-forward-back.c */
hal9_status rb_forward_plan(void *data, struct hal9_plan *ret, struct hal9_error *err);
/* All that the phases may have changed goes back to the snapshot, where the way c has led so far is left. */
hal9_status rb_forward_back(struct rb_chain *c, struct rb_forward *f, struct hal9_error *err);

#endif
