/* The plan as it would be carried out, looked at and not touched. */
#include "op/op-internal.h"

/* Whether the world is as the step wants it, now. One found begun wants what it wanted then. */
static bool so_now(struct operation *op, struct op_step *s) {
    struct hal9_step_ctx c = op_ctx(op, s);
    c.dry = true;
    if (!s->kind->inspect)
        return false;
    if (!s->begun)
        return op_look(&c, NULL) == HAL9_OK && op_is_so(s, s->before, s->intent);
    _cleanup_json_ cJSON *now = NULL;
    return op_inspect(&c, &now, NULL) == HAL9_OK && op_is_so(s, now, s->intent);
}

bool op_all_so(struct operation *op) {
    bool any = false;
    for (size_t i = 0; i < op->plan.n; i++) {
        struct op_step *s = &op->steps[i];
        if (op_step_ended(s) || op_passive(s) || s->when_failed != OP_NONE)
            continue;
        if (!so_now(op, s))
            return false;
        any = true;
    }
    return any;
}

static void would_skip(struct op_step *s, const char *why) {
    s->state = HAL9_STEP_SKIPPED;
    free(s->why);
    s->why = hal9_strdup(why);
}

/* What an earlier step would change is not yet as s will find it: so is only what none of them touches. */
static void rehearse(struct operation *op) {
    _cleanup_strv_ struct hal9_strv changing = {0};
    for (size_t i = 0; i < op->plan.n; i++) {
        struct op_step *s = &op->steps[op->order[i]];
        _cleanup_strv_ struct hal9_strv mine = {0};
        if (op_step_ended(s))
            continue;
        if (s->when_failed != OP_NONE && op->steps[s->when_failed].unless_failed != OP_NONE) {
            s->why = hal9_strdup("only on the way back, if a step before it fails");
            continue;
        }
        if (s->when_failed != OP_NONE) {
            s->why = s->plan->or_failed
                         ? hal9_strf("only if step '%s' or '%s' fails", s->plan->or_failed,
                                     s->plan->when_failed)
                         : hal9_strf("only if step '%s' fails", s->plan->when_failed);
            continue;
        }
        if (op_passive(s))
            continue;
        if (op_step_resources(s, &mine, NULL) == HAL9_OK && !op_strv_meet(&mine, &changing) &&
            so_now(op, s))
            would_skip(s, "already so");
        for (size_t k = 0; k < mine.n && s->state == HAL9_STEP_PENDING; k++)
            hal9_strv_add(&changing, mine.v[k]);
    }
}

hal9_status op_dry_run(struct operation *op, struct hal9_op_result *ret) {
    bool nothing = !op->id[0] && op_all_so(op);
    for (size_t i = 0; nothing && i < op->plan.n; i++)
        would_skip(&op->steps[i], op_passive(&op->steps[i]) ? "nothing is changed" : "already so");
    rehearse(op);
    op_tell_plan(op);
    for (size_t i = 0; i < op->plan.n; i++)
        op_tell_step(op, &op->steps[i], op->steps[i].state);
    *ret =
        (struct hal9_op_result){.state = nothing ? HAL9_OP_DONE : HAL9_OP_OPEN, .nothing = nothing};
    op_count(op, ret);
    return HAL9_OK;
}
