/*
 * The way back of a forward: in the same operation, behind its last step, and carried out only where something on the way has failed. It doesn't know how far the
 * way came: every step sets what the snapshot has, and what is so already is skipped.
 */
#include <string.h>

#include "rollback-forward.h"

#define SAME 1e-9

/* What the phases may have changed. A command may have changed anything. */
struct touched {
    bool run, release;
    struct hal9_strv flags;
};

static struct touched touched_by(const struct rb_forward *f) {
    struct touched t = {0};
    const cJSON *flag;

    for (size_t k = 0; k < f->end; k++) {
        const struct hal9_phase_spec *p = rb_phase(f->spec, k);

        t.run = t.run || p->run.n > 0;
        t.release = t.release || p->release;
        cJSON_ArrayForEach(flag, p->set) {
            hal9_strv_add(&t.flags, flag->string);
        }
    }
    return t;
}

static bool names_flag(const struct touched *t, const struct rb_item *i, const char *flag) {
    _cleanup_free_ char *whole = hal9_strf("%s:%s", i->part.flags->name, flag);

    return hal9_strv_has(&t->flags, flag) || hal9_strv_has(&t->flags, whole);
}

/* Of a store, the flags that the phases set; all, where only commands could have. Fresh, or NULL: none. */
static cJSON *wanted_flags(const struct touched *t, const struct rb_item *i) {
    cJSON *wanted = cJSON_CreateObject();
    const cJSON *flag;

    cJSON_ArrayForEach(flag, i->then) {
        if (t->flags.n > 0 ? names_flag(t, i, flag->string) : t->run)
            cJSON_AddItemToObject(wanted, flag->string, cJSON_Duplicate(flag, true));
    }
    if (wanted->child)
        return wanted;
    cJSON_Delete(wanted);
    return NULL;
}

static cJSON *wanted_of(const struct touched *t, const struct rb_item *i) {
    const char *kind = i->part.kind->kind;

    if (strcmp(kind, "flags") == 0)
        return wanted_flags(t, i);
    if (strcmp(kind, "release") == 0 ? t->release || t->run : t->run)
        return cJSON_Duplicate(i->then, true);
    return NULL;
}

/* For the reading back at the end. */
static void add_item(cJSON *items, const char *part, const struct hal9_step *s) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "part", part);
    hal9_json_add_str(j, "kind", s->kind);
    cJSON_AddItemToObject(j, "args", cJSON_Duplicate(s->args, true));
    cJSON_AddItemToArray(items, j);
}

static hal9_status add_part(struct rb_chain *c, const struct touched *t, struct rb_item *i,
                            cJSON *items, struct hal9_error *err) {
    const size_t first = c->plan->n;
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_json_ cJSON *wanted = wanted_of(t, i);
    hal9_status st = HAL9_OK;

    i->placed = true;
    if (wanted)
        st = i->part.kind->plan(&i->part, wanted, NULL, c->plan, &names, err);
    if (st != HAL9_OK)
        hal9_error_prefix(err, "the way back, %s", i->part.name);
    for (size_t k = first; st == HAL9_OK && k < c->plan->n; k++) {
        /* What commands have changed on the way is nobody else's. */
        c->plan->steps[k]->guarded = !t->run;
        rb_link(c, c->plan->steps[k]);
        add_item(items, i->part.name, c->plan->steps[k]);
    }
    return st;
}

/* Each after what it needs; a ring is cut where it is found. */
static hal9_status add_parts(struct rb_chain *c, const struct touched *t, cJSON *items,
                             struct hal9_error *err) {
    struct rb_to *to = c->to;
    hal9_status st = HAL9_OK;

    for (size_t k = 0; k < to->n; k++)
        to->items[k].differs = true;
    for (size_t left = to->n; st == HAL9_OK && left > 0; left--) {
        struct rb_item *next = NULL;

        for (size_t k = 0; k < to->n; k++)
            if (!to->items[k].placed && !rb_is_balancer(&to->items[k]) &&
                (!next || (!rb_may_be_placed(to, next) && rb_may_be_placed(to, &to->items[k]))))
                next = &to->items[k];
        if (next)
            st = add_part(c, t, next, items, err);
    }
    return st;
}

static void add_reverts(struct rb_chain *c, const struct rb_forward *f) {
    for (size_t k = f->end; k-- > (f->fresh ? f->start : 0);) {
        const struct hal9_phase_spec *p = rb_phase(f->spec, k);
        _cleanup_free_ char *name = hal9_strf("revert-%s", p->name);
        _cleanup_free_ char *what = hal9_strf("%s/%s", f->plan->name, p->name);

        if (p->revert.n == 0)
            continue;
        cJSON *args = hal9_args_command(what, &p->revert, NULL, NULL, NULL, 0);

        cJSON_AddTrueToObject(args, "one_way");
        rb_link(c, hal9_plan_step(c->plan, name, hal9_kind_command_run.name, args,
                                  "take back what %s ran", p->name));
    }
}

static void add_off(struct rb_chain *c) {
    struct rb_to *to = c->to;

    for (size_t k = 0; k < to->n; k++)
        if (to->items[k].has_new && to->items[k].to <= SAME)
            rb_add_off(c, &to->items[k]);
    for (size_t k = 0; k < to->n; k++)
        if (to->items[k].has_new && to->items[k].to <= SAME)
            rb_add_drain(c, &to->items[k]);
}

static void add_traffic(struct rb_chain *c, cJSON *items) {
    for (size_t k = 0; k < c->to->n; k++) {
        struct rb_item *i = &c->to->items[k];

        if (!i->has_new)
            continue;
        rb_add_traffic(c, i);
        add_item(items, i->part.name, c->plan->steps[c->plan->n - 1]);
    }
}

static hal9_status add_verify(struct rb_chain *c, const struct rb_forward *f, cJSON *items,
                              struct hal9_error *err) {
    cJSON *args = cJSON_CreateObject(), *resources = cJSON_CreateArray();
    struct hal9_step *s = NULL;
    const int n = cJSON_GetArraySize(items);
    _cleanup_free_ char *thing = hal9_strf("rollback:%s", f->plan->name);

    cJSON_AddItemToArray(resources, cJSON_CreateString(thing));
    cJSON_AddItemToObject(args, "items", items);
    cJSON_AddItemToObject(args, "resources", resources);
    hal9_json_add_int(args, "tries", f->plan->verify_tries);
    hal9_json_add_int(args, "every_ms", f->plan->verify_every_ms);
    rb_link(c, hal9_plan_step(c->plan, "verify", "state.verify", args,
                              "read back and compare %d part%s", n, n == 1 ? "" : "s"));
    c->plan->taken_back = hal9_strdup("verify");
    if (f->plan->health.n == 0)
        return HAL9_OK;
    return rb_add_gate(c, "health", 0, false, hal9_strdup("see that all is healthy again"), &s,
                       err);
}

hal9_status rb_forward_back(struct rb_chain *c, struct rb_forward *f, struct hal9_error *err) {
    const char *way = c->last;
    const size_t first = c->plan->n;
    struct touched t = touched_by(f);
    cJSON *items = cJSON_CreateArray();

    add_off(c);
    add_reverts(c, f);
    hal9_status st = add_parts(c, &t, items, err);

    hal9_strv_free(&t.flags);
    if (st == HAL9_OK) {
        add_traffic(c, items);
        st = add_verify(c, f, items, err);
    } else {
        cJSON_Delete(items);
    }
    for (size_t k = first; k < c->plan->n; k++)
        c->plan->steps[k]->when_failed = hal9_strdup(way);
    return st;
}
