/* What the step kinds of this room share. */
#ifndef HAL9_BALANCER_JOB_H
#define HAL9_BALANCER_JOB_H

#include "balancer/driver.h"
#include "hal9ops/op.h"

/* A step's args, read. */
struct bal_job {
    struct hal9_balancer_spec *spec;
    const struct hal9_balancer_driver *driver;
    const char *backend; /* borrowed from the args */
    const cJSON *servers;
};
hal9_status bal_job_parse(const struct hal9_step_ctx *c, struct bal_job *ret,
                          struct hal9_error *err);
void bal_job_clear(struct bal_job *j);
#define _cleanup_job_ __attribute__((cleanup(bal_job_clear)))

/* As bal_look(), with the step's cancel fd. */
hal9_status bal_job_look(const struct bal_job *j, struct hal9_step_ctx *c, bool lean,
                         struct hal9_balancer_view *ret, struct hal9_error *err);
/*
 * What a step has just seen of its backend, for the look that it would take next: the operation's inspect (is all so already?), the step's own inspect
 * right after it, its apply, and what that saw afterwards for the verify. One step's at a time; taken once; what is older than a moment, or of another
 * step or operation, is not taken, and all is seen anew. An operation looks at its steps only under its locks.
 */
void bal_remember(const struct hal9_step_ctx *c, struct hal9_balancer_view *v); /* takes it */
bool bal_recall(const struct hal9_step_ctx *c, struct hal9_balancer_view *ret);
/* {balancer, backend, resources} */
cJSON *bal_args(const struct hal9_balancer_spec *b, const char *backend);
hal9_status bal_step_resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err);
/* A name in an object or view of the same order is found at once. */
struct hal9_balancer_server *bal_find_near(const struct hal9_balancer_view *v, const char *name,
                                           size_t guess);

/* The state of one server as far as `members` names it: {"weight"?, "admin"?, "differs"?}. */
cJSON *bal_server_part(const struct hal9_balancer_server *s, const cJSON *members);
/* What the step that was done left, where a reload made the balancer forget it; NULL: nothing was forgotten. */
const cJSON *bal_forgotten(const struct hal9_step_ctx *c, const struct hal9_balancer_view *now,
                           const char *server);
/* Begun, and neither before nor intent: whether what is there came of this step and of reloads alone. */
hal9_status bal_recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                        const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err);
/* Taking back: balancer.set of before. */
hal9_status bal_invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                       const char **ret_kind, cJSON **ret_args, char **ret_title,
                       struct hal9_error *err);
/* Says, once a step, that no lock of this host excludes others. */
void bal_tell_shared(const struct bal_job *j, const struct hal9_balancer_view *v);

#endif
