/*
 * hal9-rollback to: all that differs from a snapshot is brought back, as one operation.
 *
 * The order of an immediate one: traffic off the new path and what is left of it waited for; then files, flags, releases and commands, each after what it
 * needs; then the traffic exactly as in the snapshot. So nothing is changed under visitors of the new path, and the old one serves from the first moment on.
 * Where no new path is named the traffic comes first. At the end all is read back, and the services must be healthy.
 */
#include "rollback-to.h"

static const char *const strategies[] = {"immediate", "gradual", "partial"};

const char *hal9_strategy_name(enum hal9_strategy s) {
    return strategies[s];
}

bool hal9_strategy_parse(const char *word, enum hal9_strategy *ret) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(strategies); i++)
        if (hal9_streq(word, strategies[i])) {
            *ret = (enum hal9_strategy)i;
            return true;
        }
    return false;
}

void rb_tell(struct rb_to *to, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    _cleanup_free_ char *words = hal9_vstrf(fmt, ap);
    va_end(ap);
    if (hal9_strv_has(&to->told, words))
        return;
    hal9_strv_add(&to->told, words);
    if (to->job->told)
        to->job->told(to->job->data, words);
}

void rb_link(struct rb_chain *c, struct hal9_step *s) {
    if (c->last)
        hal9_step_after(s, c->last);
    c->last = s->name;
}

/* ---- the plan ---- */

/* What its kind thinks of: each step guarded, and what is left out in a best effort only warned of. */
static hal9_status add_part(struct rb_chain *c, struct rb_item *i, struct hal9_error *err) {
    const size_t first = c->plan->n;
    _cleanup_strv_ struct hal9_strv names = {0};
    hal9_status st = i->part.kind->plan(&i->part, i->then, i->now, c->plan, &names, err);

    if (st != HAL9_OK) {
        hal9_error_prefix(err, "%s", i->part.name);
        return st;
    }
    for (size_t k = first; k < c->plan->n; k++) {
        c->plan->steps[k]->guarded = true;
        if (c->to->job->best_effort)
            c->plan->steps[k]->on_fail = HAL9_FAIL_WARN;
        rb_link(c, c->plan->steps[k]);
    }
    return HAL9_OK;
}

/* In the order of the snapshot, but each after what it needs; a ring is cut where it is found. */
static hal9_status add_parts(struct rb_chain *c, struct hal9_error *err) {
    struct rb_to *to = c->to;
    hal9_status st = HAL9_OK;

    for (bool force = false, again = true; st == HAL9_OK && again;) {
        again = false;
        for (size_t k = 0; st == HAL9_OK && !again && k < to->n; k++) {
            struct rb_item *i = &to->items[k];

            if (rb_is_balancer(i) || i->placed || !i->chosen || !i->differs ||
                !(force || rb_may_be_placed(to, i)))
                continue;
            st = add_part(c, i, err);
            i->placed = again = true;
        }
        force = !again && !force;
        again = again || force;
    }
    return st;
}

static bool has_traffic(const struct rb_to *to) {
    for (size_t k = 0; k < to->n; k++)
        if (rb_is_balancer(&to->items[k]) && to->items[k].chosen && to->items[k].differs)
            return true;
    return false;
}

static void add_traffic(struct rb_chain *c, bool away) {
    for (size_t k = 0; k < c->to->n; k++) {
        struct rb_item *i = &c->to->items[k];

        if (rb_is_balancer(i) && i->chosen && i->differs && i->away == away)
            rb_add_traffic(c, i);
    }
}

static void add_away(struct rb_chain *c) {
    for (size_t k = 0; k < c->to->n; k++)
        if (c->to->items[k].away)
            rb_add_off(c, &c->to->items[k]);
    for (size_t k = 0; k < c->to->n; k++)
        if (c->to->items[k].away)
            rb_add_drain(c, &c->to->items[k]);
}

static hal9_status add_steps(struct rb_chain *c, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    if (c->to->job->strategy == HAL9_GRADUAL && has_traffic(c->to))
        st = rb_add_stops(c, err);
    else if (c->to->job->strategy == HAL9_GRADUAL)
        rb_tell(c->to, "no balancer's traffic differs: there is nothing to walk, all else is "
                       "restored at once");
    if (st != HAL9_OK)
        return st;
    add_away(c);
    add_traffic(c, false);
    st = add_parts(c, err);
    add_traffic(c, true);
    return st == HAL9_OK && c->plan->n > 0 ? rb_add_verify(c, err) : st;
}

static cJSON *subject(const struct rb_to *to) {
    cJSON *s = cJSON_CreateObject(), *r = cJSON_AddObjectToObject(s, "rollback");
    cJSON *parts = cJSON_CreateArray();

    hal9_json_add_str(r, "snapshot", to->id);
    hal9_json_add_str(r, "name", to->name);
    hal9_json_add_str(r, "plan", to->plan ? to->plan->name : NULL);
    hal9_json_add_str(r, "strategy", hal9_strategy_name(to->job->strategy));
    for (size_t k = 0; k < to->n; k++)
        if (to->items[k].chosen)
            cJSON_AddItemToArray(parts, cJSON_CreateString(to->items[k].part.name));
    cJSON_AddItemToObject(r, "parts", parts);
    return s;
}

static hal9_status make_plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct rb_to *to = data;
    struct rb_chain c = {.to = to, .plan = ret};
    hal9_status st = rb_to_read(to, err);

    if (st == HAL9_OK)
        st = rb_check_needs(to, err);
    if (st == HAL9_OK)
        st = add_steps(&c, err);
    if (st != HAL9_OK || ret->n == 0)
        return st;
    ret->title = hal9_strf("roll back to %s, %s", to->name ? to->name : to->id,
                           hal9_strategy_name(to->job->strategy));
    ret->subject = subject(to);
    return HAL9_OK;
}

/* ---- */

/* All is as in the snapshot: what a killed rollback left may lack nothing but its end. */
static void tidy(const struct rb_to *to, const struct hal9_op_env *env) {
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_op_env at_once = *env;

    at_once.lock_timeout_ms = 0;
    hal9_strv_take(&names, hal9_strf("rollback:%s", to->plan ? to->plan->name : to->id));
    if (env->state && !env->dry_run)
        hal9_op_tidy(&at_once, &names, NULL); /* no duty: resume and abort still can */
}

bool rb_forced(const struct rb_to *to, const char *guard) {
    return to->job->force && hal9_strv_has(to->job->force, guard);
}

hal9_status hal9_rollback_to(struct hal9_rollback_to *job, const struct hal9_op_env *env,
                             struct hal9_op_result *ret, struct hal9_error *err) {
    struct rb_to to = {.job = job};
    hal9_status st = rb_to_open(&to, err);

    job->force = env->force;
    if (st == HAL9_OK)
        st = rb_choose(&to, err);
    if (st == HAL9_OK) {
        job->ret_id = hal9_strdup(to.id);
        job->ret_name = hal9_strdup(to.name);
        st = hal9_op_run(env, make_plan, &to, ret, err);
    }
    if (st == HAL9_OK && ret->nothing)
        tidy(&to, env);
    rb_to_clear(&to);
    return st;
}
