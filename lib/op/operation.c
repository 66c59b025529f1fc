/* Life of an operation in memory. */
#include <stdatomic.h>
#include <string.h>

#include "op/op-internal.h"

void op_init(struct operation *op, const struct hal9_op_env *env) {
    static atomic_uint_least64_t serial;
    memset(op, 0, sizeof(*op));
    op->env = env;
    op->serial = ++serial;
    op->last = op->failed = op->held = OP_NONE;
    pthread_mutex_init(&op->lock, NULL);
    pthread_cond_init(&op->wake, NULL);
}

static void step_clear(struct op_step *s) {
    free(s->after);
    cJSON_Delete(s->before);
    cJSON_Delete(s->intent);
    cJSON_Delete(s->result);
    cJSON_Delete(s->detail);
    cJSON_Delete(s->notes);
    free(s->why);
    hal9_error_clear(&s->error);
}

static void drop_plan(struct operation *op) {
    for (size_t i = 0; op->steps && i < op->plan.n; i++)
        step_clear(&op->steps[i]);
    free(op->steps);
    free(op->by_name);
    free(op->order);
    op->steps = NULL;
    op->by_name = NULL;
    op->order = NULL;
    hal9_plan_clear(&op->plan);
    hal9_strv_free(&op->resources);
}

void op_free(struct operation *op) {
    drop_plan(op);
    if (op->journal)
        hal9_journal_close(op->journal);
    if (op->locks)
        hal9_locks_release(op->locks); /* after the journal: nobody finds it half-closed */
    hal9_error_clear(&op->stopped);
    pthread_cond_destroy(&op->wake);
    pthread_mutex_destroy(&op->lock);
}

bool op_passive(const struct op_step *s) {
    return s->kind ? (s->kind->flags & HAL9_KIND_PASSIVE) != 0 : s->passive;
}

bool op_forced(const struct hal9_op_env *env, const char *guard) {
    return env->force && hal9_strv_has(env->force, guard);
}

struct hal9_step_ctx op_ctx(struct operation *op, struct op_step *s) {
    int soft = op->env->cancel ? op->env->cancel->soft_fd : -1;
    int hard = op->env->cancel ? op->env->cancel->hard_fd : -1;
    bool patient = !op_passive(s) || s->committed;
    return (struct hal9_step_ctx){
        .op = op, .step = s, .dry = op->env->dry_run, .cancel_fd = patient ? hard : soft};
}

/* What people see: the planner's words, the kind's, or the bare name. */
static void entitle(struct hal9_step *plan, const struct op_step *s) {
    if (!plan->title && s->kind && s->kind->describe)
        plan->title = s->kind->describe(plan->args);
    if (!plan->title)
        plan->title = hal9_strdup(plan->name);
}

hal9_status op_set_plan(struct operation *op, struct hal9_plan *plan, struct hal9_error *err) {
    drop_plan(op);
    op->plan = *plan;
    memset(plan, 0, sizeof(*plan));
    op->steps = hal9_realloc_array(NULL, op->plan.n + 1, sizeof(*op->steps));
    memset(op->steps, 0, (op->plan.n + 1) * sizeof(*op->steps));
    for (size_t i = 0; i < op->plan.n; i++) {
        struct op_step *s = &op->steps[i];
        s->plan = op->plan.steps[i];
        s->index = i;
        s->when_failed = s->or_failed = s->unless_failed = OP_NONE;
        s->notes = cJSON_CreateArray();
        s->kind = hal9_kind_find(op->env->kinds, s->plan->kind);
        s->version = s->kind ? s->kind->version : 0;
        entitle(op->plan.steps[i], s);
    }
    return op_plan_link(op, err);
}

hal9_status op_need_kinds(const struct operation *op, struct hal9_error *err) {
    for (size_t i = 0; i < op->plan.n; i++) {
        const struct op_step *s = &op->steps[i];
        if (op_step_ended(s) || (s->kind && s->version <= s->kind->version))
            continue;
        if (s->kind)
            hal9_error_set(err, HAL9_E_UNSUPPORTED,
                           "step '%s' is of kind %s, version %d; this build knows version %d",
                           s->plan->name, s->plan->kind, s->version, s->kind->version);
        else
            hal9_error_set(err, HAL9_E_UNSUPPORTED,
                           "step '%s' is of kind %s, which this build doesn't know", s->plan->name,
                           s->plan->kind);
        hal9_error_hint(err, "use the hal9ops that made it, or a newer one");
        return HAL9_E_UNSUPPORTED;
    }
    return HAL9_OK;
}
