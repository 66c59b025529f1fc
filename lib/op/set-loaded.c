/* An operation out of its journal, to go on with, to settle or to take back. */
#include <string.h>

#include "op/op-internal.h"

/* What the journal says of a step; the values are taken. A begun one is pending again. */
static void take_step(struct op_step *s, struct hal9_op_step *from) {
    bool open = from->state == HAL9_STEP_RUNNING;
    s->begun = from->before != NULL;
    s->state = open ? HAL9_STEP_PENDING : from->state;
    s->passive = from->passive;
    s->order = from->order;
    s->ms = from->ms;
    s->before = HAL9_TAKE_PTR(from->before);
    s->intent = HAL9_TAKE_PTR(from->intent);
    s->result = HAL9_TAKE_PTR(from->after);
    s->detail = HAL9_TAKE_PTR(from->detail);
    if (from->notes) {
        cJSON_Delete(s->notes);
        s->notes = HAL9_TAKE_PTR(from->notes);
    }
    if (s->state == HAL9_STEP_FAILED || s->state == HAL9_STEP_WARNED)
        hal9_error_move(&s->error, &from->error);
    else
        s->why = HAL9_TAKE_PTR(from->reason);
}

static void count(struct operation *op, const struct op_step *s) {
    if (s->order > op->done) {
        op->done = s->order;
        op->last = s->index;
    }
    if (s->state == HAL9_STEP_FAILED && op->failed == OP_NONE)
        op->failed = s->index;
    if (s->state == HAL9_STEP_DONE && !op_passive(s))
        op->changed = true;
}

hal9_status op_set_loaded(struct operation *op, struct hal9_op *o, struct hal9_error *err) {
    struct hal9_plan plan = {0};
    op_plan_parse(o->plan, &plan);
    for (size_t i = 0; i < plan.n && i < o->n_steps; i++) {
        cJSON_Delete(plan.steps[i]->args); /* the line's may lie in a blob */
        plan.steps[i]->args = HAL9_TAKE_PTR(o->steps[i].args);
        plan.steps[i]->expect = HAL9_TAKE_PTR(o->steps[i].expect);
        plan.steps[i]->guarded = plan.steps[i]->expect != NULL;
    }
    hal9_status st = op_set_plan(op, &plan, err);
    if (st != HAL9_OK)
        return st;
    memcpy(op->id, o->id, sizeof(op->id));
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(o->plan, "resources"), &op->resources);
    for (size_t i = 0; i < op->plan.n; i++) {
        op->steps[i].version = o->steps[i].version;
        take_step(&op->steps[i], &o->steps[i]);
        count(op, &op->steps[i]);
    }
    return HAL9_OK;
}
