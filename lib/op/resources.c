/* What an operation touches, by canonical names. */
#include <string.h>

#include "op/op-internal.h"

hal9_status op_step_resources(const struct op_step *s, struct hal9_strv *ret,
                              struct hal9_error *err) {
    if (!s->kind || !s->kind->resources)
        return HAL9_OK;
    return s->kind->resources(s->plan->args, ret, err);
}

hal9_status op_resources(const struct operation *op, struct hal9_strv *ret,
                         struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < op->plan.n; i++)
        st = op_step_resources(&op->steps[i], ret, err);
    if (st == HAL9_OK && op->plan.service)
        hal9_strv_take(ret, hal9_strf("service:%s", op->plan.service));
    hal9_strv_sort_unique(ret);
    return st;
}

hal9_status op_not_held(const struct operation *op, struct hal9_error *err) {
    static const char prefix[] = "service:";
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < op->resources.n; i++)
        if (hal9_startswith(op->resources.v[i], prefix))
            st = hal9_hold_check(op->env->state, op->resources.v[i] + strlen(prefix), err);
    return st;
}

bool op_strv_meet(const struct hal9_strv *a, const struct hal9_strv *b) {
    for (size_t i = 0; i < a->n; i++)
        if (hal9_strv_has(b, a->v[i]))
            return true;
    return false;
}

bool op_strv_within(const struct hal9_strv *small, const struct hal9_strv *large) {
    for (size_t i = 0; i < small->n; i++)
        if (!hal9_strv_has(large, small->v[i]))
            return false;
    return true;
}
