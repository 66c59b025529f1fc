/* What the files of a sandbox share: what it is made of. */
#ifndef HAL9_ROLLBACK_SANDBOX_H
#define HAL9_ROLLBACK_SANDBOX_H

#include "rollback-rehearse.h"

struct rb_making {
    const struct hal9_config *config;
    const struct hal9_rollback_spec *plan;
    const struct hal9_op_env *env;
    struct hal9_sandbox *box;
    struct rb_parts parts;
    cJSON *snapshot;
    cJSON *doc, *balancers, *flags, *list; /* of the configuration that is made */
    struct hal9_plan copies;               /* steps that make the copies */
    struct rb_parts traffic;  /* parts of balancers, whose states are set when they run */
    struct hal9_buf backends; /* of the balancer that is made now */
    struct hal9_strv names;   /* of parts in the sandbox, beside labels */
};

/* ---- rollback-sandbox-copy.c */
/* The at-th part: its copy, or why there is none. */
hal9_status rb_sandbox_copy(struct rb_making *m, size_t at, struct hal9_error *err);

#endif
