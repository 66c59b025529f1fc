/* Whether a plan's names and references make a graph that can be run. */
#include <stdlib.h>
#include <string.h>

#include "op/op-internal.h"

static int by_name(const void *a, const void *b) {
    const struct op_step *const *x = a;
    const struct op_step *const *y = b;
    return strcmp((*x)->plan->name, (*y)->plan->name);
}

static hal9_status sort_names(struct operation *op, struct hal9_error *err) {
    op->by_name = hal9_realloc_array(NULL, op->plan.n + 1, sizeof(*op->by_name));
    for (size_t i = 0; i < op->plan.n; i++) {
        if (!op->plan.steps[i]->name || !op->plan.steps[i]->kind)
            return hal9_error_set(err, HAL9_E_USAGE, "step %zu of the plan has no name or no kind",
                                  i + 1);
        op->by_name[i] = &op->steps[i];
    }
    qsort(op->by_name, op->plan.n, sizeof(struct op_step *), by_name);
    for (size_t i = 1; i < op->plan.n; i++)
        if (by_name(&op->by_name[i - 1], &op->by_name[i]) == 0)
            return hal9_error_set(err, HAL9_E_USAGE, "the plan has two steps named '%s'",
                                  op->by_name[i]->plan->name);
    return HAL9_OK;
}

struct op_step *op_step_named(const struct operation *op, const char *name) {
    if (!name || op->plan.n == 0)
        return NULL;
    struct hal9_step wanted = {.name = (char *)(uintptr_t)name};
    struct op_step key = {.plan = &wanted};
    struct op_step *at = &key;
    struct op_step **hit = bsearch(&at, op->by_name, op->plan.n, sizeof(struct op_step *), by_name);
    return hit ? *hit : NULL;
}

static hal9_status refer(const struct operation *op, const struct op_step *s, const char *name,
                         const char *how, size_t *ret, struct hal9_error *err) {
    const struct op_step *other = op_step_named(op, name);
    if (!other || other == s)
        return hal9_error_set(err, HAL9_E_USAGE, "step '%s' %s '%s', which %s", s->plan->name, how,
                              name, other ? "is itself" : "is not in the plan");
    *ret = other->index;
    return HAL9_OK;
}

static hal9_status link_step(const struct operation *op, struct op_step *s,
                             struct hal9_error *err) {
    size_t n = s->plan->after.n;
    s->after = hal9_realloc_array(NULL, n + 1, sizeof(*s->after));
    for (size_t i = 0; i < n; i++) {
        hal9_status st = refer(op, s, s->plan->after.v[i], "comes after", &s->after[i], err);
        if (st != HAL9_OK)
            return st;
    }
    hal9_status st = HAL9_OK;
    s->when_failed = s->or_failed = s->unless_failed = OP_NONE;
    if (s->plan->when_failed)
        st = refer(op, s, s->plan->when_failed, "runs on failure of", &s->when_failed, err);
    if (st == HAL9_OK && s->plan->when_failed && s->plan->or_failed)
        st = refer(op, s, s->plan->or_failed, "runs on failure of", &s->or_failed, err);
    if (st == HAL9_OK && s->plan->unless_failed)
        st = refer(op, s, s->plan->unless_failed, "is left out on failure of", &s->unless_failed,
                   err);
    return st;
}

/* Whether all that comes before s is marked. */
static bool settled(const struct op_step *s, const bool *marked) {
    for (size_t i = 0; i < s->plan->after.n; i++)
        if (!marked[s->after[i]])
            return false;
    return (s->when_failed == OP_NONE || marked[s->when_failed]) &&
           (s->or_failed == OP_NONE || marked[s->or_failed]) &&
           (s->unless_failed == OP_NONE || marked[s->unless_failed]);
}

/* Kahn's algorithm in rounds: a round that adds nothing while steps are left has found a ring. */
static hal9_status put_in_order(struct operation *op, struct hal9_error *err) {
    _cleanup_free_ bool *marked = hal9_alloc(op->plan.n + 1);
    op->order = hal9_realloc_array(NULL, op->plan.n + 1, sizeof(*op->order));
    for (size_t n = 0; n < op->plan.n;) {
        size_t before = n;
        size_t stuck = OP_NONE;
        for (size_t i = 0; i < op->plan.n; i++) {
            if (marked[i])
                continue;
            marked[i] = settled(&op->steps[i], marked);
            if (marked[i])
                op->order[n++] = i;
            else
                stuck = i;
        }
        if (n == before)
            return hal9_error_set(err, HAL9_E_USAGE, "step '%s' waits for itself in a ring",
                                  op->plan.steps[stuck]->name);
    }
    return HAL9_OK;
}

hal9_status op_plan_link(struct operation *op, struct hal9_error *err) {
    hal9_status st = sort_names(op, err);
    for (size_t i = 0; st == HAL9_OK && i < op->plan.n; i++)
        st = link_step(op, &op->steps[i], err);
    return st == HAL9_OK ? put_in_order(op, err) : st;
}
