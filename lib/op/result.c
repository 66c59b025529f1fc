/* What became of an operation, in figures. */
#include <string.h>

#include "op/op-internal.h"

void op_count(const struct operation *op, struct hal9_op_result *ret) {
    ret->steps = op->plan.n;
    for (size_t i = 0; i < op->plan.n; i++) {
        const struct op_step *s = &op->steps[i];
        ret->done += s->state == HAL9_STEP_DONE;
        ret->skipped += s->state == HAL9_STEP_SKIPPED;
        ret->failed += s->state == HAL9_STEP_FAILED;
        ret->warned += s->state == HAL9_STEP_WARNED;
        ret->not_run +=
            s->state == HAL9_STEP_NOT_RUN && s->when_failed == OP_NONE && !op_left_out(s);
    }
}

void op_result_fill(struct operation *op, struct hal9_op_result *ret) {
    *ret = (struct hal9_op_result){
        .state = op->end, .changed = op->changed, .resumable = op->end == HAL9_OP_OPEN};
    memcpy(ret->id, op->id, sizeof(ret->id));
    op_count(op, ret);
    size_t which = op->failed != OP_NONE ? op->failed : op->held;
    if (which == OP_NONE)
        return;
    struct op_step *s = &op->steps[which];
    ret->failed_step = hal9_strdup(s->plan->name);
    ret->failed_kind = hal9_strdup(s->plan->kind);
    ret->detail = s->detail ? cJSON_Duplicate(s->detail, true) : NULL;
    hal9_error_move(&ret->error, &s->error);
}

void hal9_op_result_clear(struct hal9_op_result *r) {
    free(r->failed_step);
    free(r->failed_kind);
    free(r->why);
    hal9_error_clear(&r->error);
    cJSON_Delete(r->detail);
    memset(r, 0, sizeof(*r));
}
