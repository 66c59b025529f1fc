/*
 * Unfinished operations that have nothing left to change. A run that finds all as it should be makes no operation of its own that could take
 * over; what a killed one left on the same things is ended here, where its end is all that it lacks.
 */
#include "op/op-internal.h"

/* Whether a step that was begun has changed anything; what can't be told counts as changed. */
static bool has_changed(struct operation *op, struct op_step *s) {
    _cleanup_json_ cJSON *now = NULL;
    struct hal9_step_ctx c = op_ctx(op, s);
    enum op_begun found = OP_HALF_WAY;

    c.dry = true;
    return !s->kind || op_inspect(&c, &now, NULL) != HAL9_OK ||
           op_judge_begun(&c, now, &found, NULL) != HAL9_OK || found != OP_NOT_BEGUN;
}

/* Stopped between two changes, somebody must go on with it or take it back: resume or undo, not this. */
static bool is_between(const struct hal9_op_env *env, struct hal9_state *state, const char *id) {
    _cleanup_operation_ struct operation op;
    struct hal9_op_env theirs = *env;
    bool open = false;
    size_t waiting = 0;
    size_t changed = 0;

    theirs.state = state;
    op_init(&op, &theirs);
    if (op_reopen(&op, id, &open, NULL) != HAL9_OK || !open)
        return true;
    for (size_t i = 0; i < op.plan.n; i++) {
        struct op_step *s = &op.steps[i];

        if (op_passive(s))
            continue;
        if (s->state == HAL9_STEP_DONE || (s->begun && !op_step_ended(s) && has_changed(&op, s)))
            changed++;
        else if (!op_step_ended(s))
            waiting++;
    }
    return waiting > 0 && changed > 0;
}

static void drop_between(const struct hal9_op_env *env, struct op_founds *f) {
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        struct op_found found = f->v[i];

        if (is_between(env, found.other ? found.other : env->state, found.id)) {
            free(found.id);
            if (found.other)
                hal9_state_close(found.other);
            continue;
        }
        f->v[kept++] = found;
    }
    f->n = kept;
}

hal9_status hal9_op_tidy(const struct hal9_op_env *env, const struct hal9_strv *names,
                         struct hal9_error *err) {
    _cleanup_operation_ struct operation op;
    _cleanup_(op_founds_free) struct op_founds found = {0};
    _cleanup_strv_ struct hal9_strv open = {0};

    op_init(&op, env);
    if (env->dry_run || !env->state || hal9_journal_list_open(env->state, &open, NULL) != HAL9_OK ||
        open.n == 0)
        return HAL9_OK;
    for (size_t i = 0; i < names->n; i++)
        hal9_strv_add(&op.resources, names->v[i]);
    hal9_strv_sort_unique(&op.resources);
    hal9_status st = op_lock(&op, names, err);
    if (st == HAL9_OK)
        st = op_find_unfinished(&op, NULL, &found, err);
    if (st != HAL9_OK)
        return st;
    drop_between(env, &found);
    return op_supersede(env, &found, NULL, err);
}
