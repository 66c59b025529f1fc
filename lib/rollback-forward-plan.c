/*
 * The way up of a forward: each phase with what it runs, sets and releases, its share of the traffic, and a gate. Every step is left out where one before it has
 * failed; then the way back begins.
 */
#include <math.h>
#include <string.h>

#include "rollback-forward.h"

#define SAME 1e-9
#define RUN_TIMEOUT_MS (10 * 60 * 1000)

/* As the steps that are planned so far will leave it: what is so already is no step. */
struct way {
    struct rb_forward *f;
    struct rb_chain *c;
    const char *last; /* step of the way; NULL: none yet */
    size_t k;         /* the phase */
    cJSON *flags;     /* {STORE: {FLAG: STATE}} */
    char *release;
};

static const struct hal9_phase_spec *phase(const struct way *w) {
    return rb_phase(w->f->spec, w->k);
}

static void on_way(struct way *w, struct hal9_step *s) {
    s->unless_failed = hal9_strdup(w->last);
    w->last = s->name;
}

/* "phase 2 of 5, canary: WORDS"; words are taken. */
static char *title_of(const struct way *w, char *words) {
    char *title = hal9_strf("phase %zu of %zu, %s: %s", w->k + 1, w->f->spec->phases.n,
                            phase(w)->name, words);

    free(words);
    return title;
}

/* Takes args and words. */
static struct hal9_step *add_step(struct way *w, const char *what, const char *kind, cJSON *args,
                                  char *words) {
    _cleanup_free_ char *part = hal9_strf("%s/%s", phase(w)->name, what);
    _cleanup_free_ char *name = rb_step_name(w->c->plan, part), *title = title_of(w, words);
    struct hal9_step *s = hal9_plan_step(w->c->plan, name, kind, args, "%s", title);

    rb_link(w->c, s);
    on_way(w, s);
    return s;
}

/* ---- commands ---- */

static void add_run(struct way *w) {
    const struct hal9_phase_spec *p = phase(w);
    _cleanup_free_ char *what = hal9_strf("%s/%s", w->f->plan->name, p->name);

    if (p->run.n == 0)
        return;
    cJSON *args = hal9_args_command(what, &p->run, NULL, &p->revert, NULL, RUN_TIMEOUT_MS);

    if (p->revert.n == 0)
        cJSON_AddTrueToObject(args, "one_way");
    _cleanup_free_ char *command = rb_command_words(&p->run);

    add_step(w, "run", hal9_kind_command_run.name, args, hal9_strf("run %s", command));
}

/* ---- flags ---- */

static struct rb_item *item_of_kind(const struct rb_to *to, const char *kind) {
    for (size_t k = 0; k < to->n; k++)
        if (strcmp(to->items[k].part.kind->kind, kind) == 0)
            return &to->items[k];
    return NULL;
}

/* The store of "main:new-path", or the only one; *ret_flag is the rest. */
static struct rb_item *store_of(const struct rb_to *to, const char *word, const char **ret_flag) {
    for (size_t k = 0; k < to->n; k++) {
        const struct hal9_flag_spec *f = to->items[k].part.flags;
        const size_t len = f ? strlen(f->name) : 0;

        if (len > 0 && strncmp(word, f->name, len) == 0 && word[len] == ':') {
            *ret_flag = word + len + 1;
            return &to->items[k];
        }
    }
    *ret_flag = word;
    return item_of_kind(to, "flags");
}

static char *word_of(const cJSON *value) {
    if (cJSON_IsBool(value))
        return hal9_strdup(cJSON_IsTrue(value) ? "on" : "off");
    return cJSON_IsString(value) ? hal9_strdup(value->valuestring) : hal9_json_text(value);
}

static cJSON *member(cJSON *of, const char *name) {
    cJSON *m = cJSON_GetObjectItemCaseSensitive(of, name);

    return m ? m : cJSON_AddObjectToObject(of, name);
}

/* As the way has left it so far, or as it is. */
static const cJSON *flag_now(const struct way *w, const struct rb_item *i, const char *flag) {
    const cJSON *store = cJSON_GetObjectItemCaseSensitive(w->flags, i->part.flags->name);
    const cJSON *is = cJSON_GetObjectItemCaseSensitive(store, flag);

    return is ? is : cJSON_GetObjectItemCaseSensitive(i->now, flag);
}

/* Adds what a word asks for to sets, {STORE: {FLAG: STATE}}, unless it is so. */
static hal9_status want_flag(struct way *w, const cJSON *value, cJSON *sets,
                             struct hal9_error *err) {
    const char *flag;
    const struct rb_item *i = store_of(&w->f->to, value->string, &flag);
    _cleanup_free_ char *word = word_of(value);
    cJSON *wanted = NULL;

    if (!i)
        return hal9_error_set(err, HAL9_E_CONFIG,
                              "phase %s sets flag %s, and the snapshot has no flags",
                              phase(w)->name, value->string);
    const cJSON *now = flag_now(w, i, flag);
    hal9_status st = hal9_flag_wanted(i->part.flags, flag, now, word, &wanted, err);

    if (st != HAL9_OK) {
        hal9_error_prefix(err, "phase %s, flag %s", phase(w)->name, flag);
        return st;
    }
    if (now && hal9_flag_equal(i->part.flags, wanted, now)) {
        cJSON_Delete(wanted);
        return HAL9_OK;
    }
    cJSON *store = member(w->flags, i->part.flags->name);

    cJSON_DeleteItemFromObjectCaseSensitive(store, flag);
    cJSON_AddItemToObject(store, flag, cJSON_Duplicate(wanted, true));
    cJSON_AddItemToObject(member(sets, i->part.name), flag, wanted);
    return HAL9_OK;
}

/* What the phases before the first one of this run asked for holds, too. */
static cJSON *flags_asked(const struct way *w) {
    cJSON *all = cJSON_CreateObject();
    const cJSON *one;

    for (size_t k = w->k == w->f->start ? 0 : w->k; k <= w->k; k++) {
        cJSON_ArrayForEach(one, rb_phase(w->f->spec, k)->set) {
            cJSON_DeleteItemFromObjectCaseSensitive(all, one->string);
            cJSON_AddItemToObject(all, one->string, cJSON_Duplicate(one, true));
        }
    }
    return all;
}

static hal9_status add_flags(struct way *w, struct hal9_error *err) {
    _cleanup_json_ cJSON *asked = flags_asked(w), *sets = cJSON_CreateObject();
    const cJSON *one;
    hal9_status st = HAL9_OK;

    cJSON_ArrayForEach(one, asked) {
        if (st == HAL9_OK)
            st = want_flag(w, one, sets, err);
    }
    for (size_t k = 0; st == HAL9_OK && k < w->f->to.n; k++) {
        const struct rb_part *p = &w->f->to.items[k].part;
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(sets, p->name);
        _cleanup_strv_ struct hal9_strv names = {0};

        cJSON_ArrayForEach(one, set) {
            _cleanup_free_ char *is = hal9_flag_words(p->flags, one->string, one);

            hal9_strv_take(&names, hal9_strf("%s %s", one->string, is));
        }
        if (set)
            add_step(w, p->name, "flag.set", hal9_args_flag_set(p->flags, set),
                     hal9_strv_join(&names, ", "))
                ->guarded = true;
    }
    return st;
}

/* ---- release ---- */

static bool any_run(const struct rb_forward *f) {
    for (size_t k = 0; k < f->end; k++)
        if (rb_phase(f->spec, k)->run.n > 0)
            return true;
    return false;
}

static hal9_status add_release(struct way *w, struct hal9_error *err) {
    const struct rb_item *i = item_of_kind(&w->f->to, "release");
    const char *target = NULL;

    for (size_t k = w->k == w->f->start ? 0 : w->k; k <= w->k; k++)
        if (rb_phase(w->f->spec, k)->release)
            target = rb_phase(w->f->spec, k)->release;
    if (!target || !i || hal9_streq(w->release, target))
        return HAL9_OK;
    /* A command on the way may be what brings it. */
    hal9_status st = any_run(w->f) ? HAL9_OK : hal9_release_check(i->part.path, target, err);

    if (st != HAL9_OK) {
        hal9_error_prefix(err, "phase %s", phase(w)->name);
        return st;
    }
    free(w->release);
    w->release = hal9_strdup(target);
    add_step(w, "release", hal9_kind_release_switch.name, hal9_args_release(i->part.path, target),
             hal9_strf("%s to %s", i->part.path, target))
        ->guarded = true;
    return HAL9_OK;
}

/* ---- traffic ---- */

/* New servers share what they get as they do now; where they get nothing as in the snapshot, or as the balancer is configured. */
static void give_basis(const struct rb_item *i, struct rb_weight *v) {
    if (rb_share(v, i->n, RB_FROM) > 0 || rb_share(v, i->n, RB_TO) > 0)
        return;
    for (size_t k = 0; k < i->n; k++) {
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, v[k].name);

        if (v[k].fresh)
            v[k].from = s && s->initial_weight > 0 ? s->initial_weight : 1;
    }
}

static hal9_status set_values(const struct way *w, struct rb_item *i, struct hal9_error *err) {
    _cleanup_free_ struct rb_weight *v = hal9_alloc((i->n + 1) * sizeof(*v));
    const double share = (double)phase(w)->share / 100;

    memcpy(v, i->servers, i->n * sizeof(*v));
    give_basis(i, v);
    if (i->weightless && phase(w)->share > 0 && phase(w)->share < 100)
        return hal9_error_set(err, HAL9_E_USAGE,
                              "phase %s: %s can't give a share of %lld %%: its servers have no "
                              "weights between all and nothing",
                              phase(w)->name, i->part.name, (long long)phase(w)->share);
    if (!rb_weights_for_share(v, i->n, share))
        return hal9_error_set(err, HAL9_E_USAGE,
                              "phase %s: %s has no server that could take its share of %lld %%",
                              phase(w)->name, i->part.name, (long long)phase(w)->share);
    if (i->view.percentages)
        rb_weights_percent(v, i->n);
    for (size_t k = 0; k < i->n; k++)
        i->servers[k].value = v[k].value;
    return HAL9_OK;
}

/* Before the first phase of this run it is as it is; then as the phase before has it. */
static bool share_stands(const struct way *w, const struct rb_item *i) {
    if (w->k > w->f->start)
        return rb_phase(w->f->spec, w->k - 1)->share == phase(w)->share;
    return fabs(i->from - (double)phase(w)->share / 100) < SAME;
}

static hal9_status add_traffic(struct way *w, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    for (size_t k = 0; st == HAL9_OK && k < w->f->to.n; k++) {
        struct rb_item *i = &w->f->to.items[k];
        _cleanup_free_ char *name = hal9_strf("%s/traffic", phase(w)->name);

        if (!rb_is_balancer(i) || !i->has_new || share_stands(w, i))
            continue;
        st = set_values(w, i, err);
        if (st == HAL9_OK)
            on_way(w, rb_add_weights(
                          w->c, i, name,
                          title_of(w, hal9_strf("new path %lld %%", (long long)phase(w)->share))));
    }
    return st;
}

/* ---- the gate ---- */

static hal9_status add_watch(struct way *w, struct hal9_error *err) {
    const struct hal9_phase_spec *p = phase(w);
    const int64_t hold = p->for_ms > 0 ? p->for_ms : 1;
    struct hal9_step *s = NULL;
    _cleanup_free_ char *name = hal9_strf("%s/watch", p->name), *span = hal9_span_text(p->for_ms);
    char *words =
        p->for_ms > 0 ? hal9_strf("watch it for %s", span) : hal9_strdup("see that all is well");
    hal9_status st = rb_add_gate(w->c, name, hold, true, title_of(w, words), &s, err);

    if (st != HAL9_OK)
        return st;
    for (size_t i = 0; i < p->validate.n; i++) {
        const struct hal9_check *check = p->validate.v[i];

        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(s->args, "metrics"),
                             cJSON_Duplicate(check->spec, true));
    }
    on_way(w, s);
    return HAL9_OK;
}

/* ---- all ---- */

static hal9_status add_phases(struct way *w, struct hal9_error *err) {
    const struct rb_item *release = item_of_kind(&w->f->to, "release");
    hal9_status st = HAL9_OK;

    w->flags = cJSON_CreateObject();
    w->release = release ? hal9_strdup(hal9_json_str(release->now, "target")) : NULL;
    for (w->k = w->f->start; st == HAL9_OK && w->k < w->f->end; w->k++) {
        add_run(w);
        st = add_flags(w, err);
        if (st == HAL9_OK)
            st = add_release(w, err);
        if (st == HAL9_OK)
            st = add_traffic(w, err);
        if (st == HAL9_OK)
            st = add_watch(w, err);
    }
    cJSON_Delete(w->flags);
    free(w->release);
    return st;
}

static cJSON *subject(const struct rb_forward *f) {
    cJSON *s = cJSON_CreateObject(), *r = cJSON_AddObjectToObject(s, "rollback");
    cJSON *parts = cJSON_AddArrayToObject(r, "parts"), *fw = cJSON_AddObjectToObject(s, "forward");
    cJSON *phases = cJSON_AddArrayToObject(fw, "phases");

    hal9_json_add_str(r, "snapshot", f->to.id);
    hal9_json_add_str(r, "name", f->to.name);
    hal9_json_add_str(r, "plan", f->plan->name);
    hal9_json_add_str(r, "strategy", "immediate");
    for (size_t k = 0; k < f->to.n; k++)
        cJSON_AddItemToArray(parts, cJSON_CreateString(f->to.items[k].part.name));
    for (size_t k = f->start; k < f->end; k++)
        cJSON_AddItemToArray(phases, cJSON_CreateString(rb_phase(f->spec, k)->name));
    return s;
}

/* What the snapshot has must still be so when it is to be gone back to. */
static hal9_status need_same(const struct rb_forward *f, struct hal9_error *err) {
    for (size_t k = 0; f->fresh && k < f->to.n; k++)
        if (f->to.items[k].differs) {
            hal9_error_set(err, HAL9_E_DRIFT,
                           "nothing was begun: somebody changed %s after the snapshot was taken",
                           f->to.items[k].part.name);
            hal9_error_hint(err, "look who else is at work, then run it again");
            return HAL9_E_DRIFT;
        }
    return HAL9_OK;
}

/* Where the first phase sends visitors at once somebody must be there. */
static hal9_status need_new(const struct rb_forward *f, struct hal9_error *err) {
    const struct hal9_phase_spec *p = rb_phase(f->spec, f->start);

    for (size_t k = 0; p->share > 0 && p->run.n == 0 && k < f->to.n; k++) {
        const struct rb_item *i = &f->to.items[k];
        bool up = !i->has_new || rb_forced(&f->to, "last-server");

        for (size_t n = 0; n < i->n; n++) {
            const struct hal9_balancer_server *s =
                hal9_balancer_server(&i->view, i->servers[n].name);

            up = up || (i->servers[n].fresh && s && s->up != 0);
        }
        if (up)
            continue;
        hal9_error_set(err, HAL9_E_REFUSED,
                       "nothing was begun: of %s none of the new servers is up", i->part.name);
        hal9_error_hint(err, "bring one up first; --force=last-server goes on all the same");
        return HAL9_E_REFUSED;
    }
    return HAL9_OK;
}

hal9_status rb_forward_plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct rb_forward *f = data;
    struct rb_chain c = {.to = &f->to, .plan = ret};
    struct way w = {.f = f, .c = &c};
    hal9_status st = rb_to_read(&f->to, err);

    if (st == HAL9_OK)
        st = need_same(f, err);
    if (st == HAL9_OK)
        st = rb_forward_stays(f, err);
    if (st == HAL9_OK)
        st = need_new(f, err);
    if (st == HAL9_OK)
        st = add_phases(&w, err);
    if (st == HAL9_OK)
        st = rb_forward_back(&c, f, err);
    if (st != HAL9_OK)
        return st;
    ret->title =
        hal9_strf("migrate %s to phase %s", f->plan->name, rb_phase(f->spec, f->end - 1)->name);
    ret->subject = subject(f);
    return HAL9_OK;
}
