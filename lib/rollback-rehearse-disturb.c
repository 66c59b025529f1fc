/* Every part of a plan made another than it is, as an operation: so that a rehearsal that was killed can be taken back. */
#include <string.h>

#include "rollback-rehearse.h"

/* ---- one kind after the other: a step named after the part, or why there is none ---- */

static hal9_status add_files(struct rb_rehearsal *r, const struct rb_rehearsed *p,
                             struct hal9_plan *plan, char **ret_why, struct hal9_error *err) {
    const char *real = hal9_json_str(p->then, "real");
    _cleanup_free_ char *words = NULL;
    char tree[65];
    hal9_status st = hal9_tree_disturb(r->job->state, p->then, tree, &words, err);

    (void)ret_why;
    if (st == HAL9_OK)
        hal9_plan_step(plan, p->part->name, hal9_kind_files_restore.name,
                       hal9_args_files(real ? real : p->part->path, tree), "disturb %s: %s",
                       p->label, words);
    return st;
}

/* Another state that a word of these makes of it; NULL: none does. */
static cJSON *other_state(const struct hal9_flag_spec *f, const char *name, const cJSON *now,
                          const struct hal9_strv *words) {
    for (size_t i = 0; i < words->n; i++) {
        cJSON *wanted = NULL;

        if (hal9_flag_wanted(f, name, now, words->v[i], &wanted, NULL) == HAL9_OK &&
            !hal9_flag_equal(f, now, wanted))
            return wanted;
        cJSON_Delete(wanted);
    }
    return NULL;
}

/* Its other variants first: they change what is seen, and nothing else. */
static void words_for(const cJSON *now, struct hal9_strv *ret) {
    static const char *const all[] = {"off", "on", "50%", "rehearsal"};
    const cJSON *v;

    cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(now, "variants")) {
        if (v->string && !hal9_streq(v->string, hal9_json_str(now, "defaultVariant")))
            hal9_strv_add(ret, v->string);
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(all); i++)
        hal9_strv_add(ret, all[i]);
}

static hal9_status add_flags(struct rb_rehearsal *r, const struct rb_rehearsed *p,
                             struct hal9_plan *plan, char **ret_why, struct hal9_error *err) {
    const struct hal9_flag_spec *f = p->part->flags;
    _cleanup_json_ cJSON *set = cJSON_CreateObject();
    const cJSON *flag;
    int n = 0;

    (void)r, (void)err;
    cJSON_ArrayForEach(flag, p->then) {
        _cleanup_strv_ struct hal9_strv words = {0};

        words_for(flag, &words);
        cJSON *other = other_state(f, flag->string, flag, &words);

        if (other) {
            cJSON_AddItemToObject(set, flag->string, other);
            n++;
        }
    }
    if (n == 0)
        *ret_why = hal9_strdup(cJSON_GetArraySize(p->then) > 0
                                   ? "none of its flags can be made another by a word"
                                   : "it has no flags");
    else
        hal9_plan_step(plan, p->part->name, "flag.set", hal9_args_flag_set(f, set),
                       "disturb %s: %d flag%s", p->label, n, n == 1 ? "" : "s");
    return HAL9_OK;
}

static hal9_status add_release(struct rb_rehearsal *r, const struct rb_rehearsed *p,
                               struct hal9_plan *plan, char **ret_why, struct hal9_error *err) {
    const char *now = hal9_json_str(p->then, "target");
    _cleanup_strv_ struct hal9_strv kept = {0};

    (void)r;
    if (!now) {
        *ret_why = hal9_strdup("there is no link");
        return HAL9_OK;
    }
    hal9_status st = hal9_release_list(p->part->path, &kept, err);

    for (size_t i = 0; st == HAL9_OK && i < kept.n; i++) {
        if (hal9_streq(kept.v[i], now) ||
            hal9_release_check(p->part->path, kept.v[i], NULL) != HAL9_OK)
            continue;
        hal9_plan_step(plan, p->part->name, hal9_kind_release_switch.name,
                       hal9_args_release(p->part->path, kept.v[i]), "disturb %s: to %s", p->label,
                       kept.v[i]);
        return HAL9_OK;
    }
    if (st == HAL9_OK)
        *ret_why = hal9_strdup("no other release is kept");
    return st;
}

/* ---- traffic ---- */

static int64_t other_weight(const struct hal9_balancer_server *s, bool fresh) {
    if (fresh && s->weight == 0)
        return 50;
    return s->weight > 1 ? s->weight / 2 : s->weight + 1;
}

/* One that is taken out of the traffic: where enough stay, and not one that is to get traffic. */
static const char *spare(const struct rb_rehearsed *p, const struct hal9_balancer_view *v) {
    for (size_t i = v->n; i-- > 0;) {
        _cleanup_strv_ struct hal9_strv one = {0};

        if (v->v[i].admin != HAL9_ADMIN_READY)
            continue;
        hal9_strv_add(&one, v->v[i].name);
        if (hal9_balancer_spares(v, &one, 1, NULL) == HAL9_OK && v->n > 1 &&
            !(p->part->spec && hal9_strv_has(&p->part->spec->fresh, v->v[i].name) && v->n == 2))
            return v->v[i].name;
    }
    return NULL;
}

static void set_server(cJSON *servers, const struct hal9_balancer_view *v,
                       const struct hal9_balancer_server *s, bool fresh, bool out) {
    const bool weighs = s->weight >= 0 && !v->all_or_nothing && s->admin != HAL9_ADMIN_MAINT &&
                        (s->weight > 0 || (fresh && s->up != 0));

    if (!weighs && !out)
        return;
    cJSON *j = cJSON_AddObjectToObject(servers, s->name);

    if (weighs)
        hal9_json_add_int(j, "weight", other_weight(s, fresh));
    hal9_json_add_str(j, "admin", out ? "drain" : hal9_admin_name(s->admin));
}

static hal9_status add_balancer(struct rb_rehearsal *r, const struct rb_rehearsed *p,
                                struct hal9_plan *plan, char **ret_why, struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_json_ cJSON *servers = cJSON_CreateObject();
    const int cancel = r->env->cancel ? r->env->cancel->hard_fd : -1;
    hal9_status st = hal9_balancer_look(p->part->balancer, p->part->backend, cancel, &v, err);

    if (st != HAL9_OK)
        return st;
    const char *out = spare(p, &v);

    for (size_t i = 0; i < v.n; i++)
        set_server(servers, &v, &v.v[i],
                   p->part->spec && hal9_strv_has(&p->part->spec->fresh, v.v[i].name),
                   hal9_streq(out, v.v[i].name));
    if (!servers->child)
        *ret_why = hal9_strdup("none of its servers can be spared, and none has a weight");
    else
        hal9_plan_step(plan, p->part->name, "balancer.set",
                       hal9_args_balancer_set(p->part->balancer, p->part->backend, servers),
                       "disturb %s: weights%s%s%s", p->label, out ? ", and " : "", out ? out : "",
                       out ? " drained" : "");
    return HAL9_OK;
}

/* ---- all of them ---- */

static const struct {
    const char *kind;
    hal9_status (*add)(struct rb_rehearsal *r, const struct rb_rehearsed *p, struct hal9_plan *plan,
                       char **ret_why, struct hal9_error *err);
} kinds[] = {
    {"files", add_files},
    {"flags", add_flags},
    {"release", add_release},
    {"balancer", add_balancer},
};

static hal9_status add_part(struct rb_rehearsal *r, struct rb_rehearsed *p, struct hal9_plan *plan,
                            struct hal9_error *err) {
    for (size_t k = 0; k < HAL9_ARRAY_LEN(kinds); k++)
        if (hal9_streq(kinds[k].kind, p->part->kind->kind))
            return kinds[k].add(r, p, plan, &p->skipped, err);
    p->skipped =
        hal9_strf("nothing is known that would disturb a part of the kind %s", p->part->kind->kind);
    return HAL9_OK;
}

static hal9_status make_plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct rb_rehearsal *r = data;

    (void)err;
    for (size_t i = 0; i < r->n; i++) {
        struct rb_rehearsed *p = &r->v[i];
        _cleanup_error_ struct hal9_error e = {0};
        const size_t first = ret->n;

        free(HAL9_TAKE_PTR(p->skipped));
        free(HAL9_TAKE_PTR(p->broken));
        if (add_part(r, p, ret, &e) != HAL9_OK)
            p->broken = hal9_strdup(e.message);
        for (size_t k = first; k < ret->n; k++) {
            ret->steps[k]->on_fail = HAL9_FAIL_WARN;
            if (k > 0) /* one after the other: what a kill leaves is half of one at most */
                hal9_step_after(ret->steps[k], ret->steps[k - 1]->name);
        }
    }
    if (ret->n == 0)
        return HAL9_OK;
    ret->title = hal9_strf("rehearsal of %s: disturb %zu part%s", r->plan->name, ret->n,
                           ret->n == 1 ? "" : "s");
    ret->subject = cJSON_CreateObject();
    cJSON *about = cJSON_AddObjectToObject(ret->subject, "rehearsal");

    hal9_json_add_str(about, "snapshot", r->id);
    hal9_json_add_str(about, "plan", r->plan->name);
    return HAL9_OK;
}

static void note_broken(struct rb_rehearsal *r, const struct hal9_op *o) {
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < o->n_steps; k++) {
            const struct hal9_op_step *s = &o->steps[k];

            if (!hal9_streq(s->name, r->v[i].part->name) || s->state == HAL9_STEP_DONE ||
                s->state == HAL9_STEP_SKIPPED || r->v[i].broken)
                continue;
            r->v[i].broken = hal9_strdup(s->error.message ? s->error.message : "it was not done");
        }
}

/* It came to no end: what it did is taken back, and it is ended, where that can be. */
static void take_back(const struct hal9_op_env *env, const char *id) {
    _cleanup_(hal9_op_result_clear) struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error e = {0};

    if (hal9_op_undo(env, id, &res, &e) != HAL9_OK)
        hal9_log(1, "operation %s can't be taken back now: %s", id, e.message);
}

/* A first signal doesn't stop it half-way: it is short, and what it has done comes back then. */
hal9_status rb_disturb(struct rb_rehearsal *r, struct hal9_error *err) {
    _cleanup_(hal9_op_result_clear) struct hal9_op_result res = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    struct hal9_op_env env = *r->env;
    struct hal9_cancel cancel = {.soft_fd = -1, .hard_fd = -1};

    if (r->env->cancel)
        cancel.soft_fd = cancel.hard_fd = r->env->cancel->hard_fd;
    env.cancel = &cancel;
    hal9_status st = hal9_op_run(&env, make_plan, r, &res, err);

    if (st != HAL9_OK && st != HAL9_E_INTERRUPTED && res.id[0])
        take_back(&env, res.id);
    if (st == HAL9_OK && res.id[0])
        st = hal9_op_load(r->job->state, res.id, &o, err);
    if (st == HAL9_OK)
        note_broken(r, &o);
    return st;
}
