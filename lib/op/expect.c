/*
 * What was there when the plan was made. A step that would overwrite what somebody else has changed since is not begun: the operation stands
 * still before it, and a person decides.
 */
#include "op/op-internal.h"

/* What the later state has of the expected things counts; within one of them (a server, a flag) also what is new. */
static void overlay(cJSON *expected, const cJSON *later, int depth) {
    const cJSON *member;
    cJSON_ArrayForEach(member, later) {
        cJSON *mine = cJSON_GetObjectItemCaseSensitive(expected, member->string);
        if (cJSON_IsObject(mine) && cJSON_IsObject(member))
            overlay(mine, member, depth + 1);
        else if (mine)
            cJSON_ReplaceItemInObjectCaseSensitive(expected, member->string,
                                                   cJSON_Duplicate(member, true));
        else if (depth >= 2)
            cJSON_AddItemToObject(expected, member->string, cJSON_Duplicate(member, true));
    }
}

/* Looks at the guarded steps, before anything is done. */
hal9_status op_fill_expect(struct operation *op, struct hal9_error *err) {
    for (size_t i = 0; i < op->plan.n; i++) {
        struct hal9_step *p = op->plan.steps[i];
        struct hal9_step_ctx c = op_ctx(op, &op->steps[i]);
        c.dry = true;
        if (!p->guarded || p->expect || !op->steps[i].kind->inspect)
            continue;
        _cleanup_error_ struct hal9_error e = {0};
        /* Where its failure only warns, so does that it can't be looked at, in its turn. */
        if (op_inspect(&c, &p->expect, &e) != HAL9_OK && p->on_fail == HAL9_FAIL_STOP)
            return hal9_error_move(err, &e);
    }
    return HAL9_OK;
}

static const struct op_step *with_order(const struct operation *op, size_t order) {
    for (size_t i = 0; i < op->plan.n; i++)
        if (op->steps[i].order == order)
            return &op->steps[i];
    return NULL;
}

/* What s should find: as planned, and as the operation's own steps left it since, in the order that they were done. */
static cJSON *expected(const struct operation *op, const struct op_step *s) {
    _cleanup_strv_ struct hal9_strv mine = {0};
    cJSON *all = cJSON_Duplicate(s->plan->expect, true);
    if (op_step_resources(s, &mine, NULL) != HAL9_OK)
        return all;
    for (size_t order = 1; order <= op->done; order++) {
        const struct op_step *p = with_order(op, order);
        _cleanup_strv_ struct hal9_strv theirs = {0};
        if (!p || p == s || op_passive(p) || op_step_resources(p, &theirs, NULL) != HAL9_OK)
            continue;
        if (op_strv_meet(&mine, &theirs))
            overlay(all, p->result, 0);
    }
    return all;
}

/* Nobody has changed it: its kind knows that it was forgotten (a balancer's weights, at its reload). */
static bool was_forgotten(struct operation *op, struct op_step *s, const cJSON *then) {
    _cleanup_json_ cJSON *now = NULL;
    struct hal9_step_ctx c = op_ctx(op, s);
    c.dry = true;
    c.then = then;
    return op_inspect(&c, &now, NULL) == HAL9_OK && op_state_equal(now, then);
}

bool op_step_drifted(struct operation *op, struct op_step *s) {
    _cleanup_error_ struct hal9_error e = {0};
    _cleanup_json_ cJSON *then = NULL;
    if (!s->plan->guarded || !s->plan->expect || op_forced(op->env, "drift"))
        return false;
    pthread_mutex_lock(&op->lock);
    then = expected(op, s);
    pthread_mutex_unlock(&op->lock);
    if (op_state_equal(s->before, then) || was_forgotten(op, s, then))
        return false;
    _cleanup_free_ char *words = op_difference(then, s->before);
    cJSON *detail = op_three_values(then, s->intent, s->before);
    hal9_error_set(&e, HAL9_E_DRIFT,
                   "'%s': somebody else has changed it since the plan was made: %s", s->plan->title,
                   words);
    hal9_error_hint(&e,
                    "look at it; then hal9-rollback resume %s --force=drift overwrites it, or "
                    "hal9-rollback abort %s leaves all as it is",
                    op->id, op->id);
    op_step_held(op, s, detail, &e);
    return true;
}
