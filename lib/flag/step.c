/* The step kind flag.set: flags of one store. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

/* A step's store, parsed from its args. */
struct job {
    struct hal9_flag_spec *f;
    const struct fl_driver *d;
    const cJSON *flags; /* wanted; borrowed from the args */
    struct hal9_strv names;
};

static void job_clear(struct job *j) {
    hal9_flag_free(j->f);
    hal9_strv_free(&j->names);
}
#define _cleanup_job_ _cleanup_(job_clear)

static hal9_status job_open(const cJSON *args, struct job *ret, struct hal9_error *err) {
    const cJSON *f;
    hal9_status st = hal9_flag_parse(cJSON_GetObjectItemCaseSensitive(args, "store"), &ret->f, err);
    if (st != HAL9_OK)
        return st;
    ret->d = fl_driver_of(ret->f);
    ret->flags = cJSON_GetObjectItemCaseSensitive(args, "flags");
    cJSON_ArrayForEach(f, ret->flags) {
        hal9_strv_add(&ret->names, f->string);
    }
    return HAL9_OK;
}

cJSON *hal9_args_flag_set(const struct hal9_flag_spec *f, const cJSON *flags) {
    cJSON *args = cJSON_CreateObject();
    cJSON_AddItemToObject(args, "store", hal9_flag_json(f));
    cJSON_AddItemToObject(args, "flags", cJSON_Duplicate(flags, true));
    return args;
}

/* Each flag by itself: changes of others in the same store don't stand in the way of an undo. */
static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    hal9_status st = job_open(args, &j, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *place = j.d->place(j.f);
    for (size_t i = 0; i < j.names.n; i++)
        hal9_strv_take(ret, hal9_strf("flag:%s:%s/%s", j.d->kind, place, j.names.v[i]));
    const cJSON *more;
    cJSON_ArrayForEach(more, cJSON_GetObjectItemCaseSensitive(args, "resources")) {
        if (cJSON_IsString(more))
            hal9_strv_add(ret, more->valuestring);
    }
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

/* ---- looking */

static cJSON *ids_of(const cJSON *state) {
    cJSON *ids = NULL;
    const cJSON *s;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(state, "strategies")) {
        const char *id = hal9_json_str(s, "id");
        if (!id)
            continue;
        if (!ids)
            ids = cJSON_CreateArray();
        cJSON_AddItemToArray(ids, cJSON_CreateString(id));
    }
    return ids;
}

/* {"flags": {NAME: STATE}, "observed": {"ids": {NAME: [...]}}} of states as the store has them. */
static cJSON *state_of(const struct job *j, const cJSON *flags) {
    cJSON *state = cJSON_CreateObject();
    cJSON *plain = cJSON_AddObjectToObject(state, "flags");
    cJSON *ids = cJSON_CreateObject();
    const cJSON *f;
    cJSON_ArrayForEach(f, flags) {
        cJSON *own = ids_of(f);
        cJSON_AddItemToObject(plain, f->string, fl_plain(j->d, f));
        if (own)
            cJSON_AddItemToObject(ids, f->string, own);
    }
    if (ids->child)
        cJSON_AddItemToObject(cJSON_AddObjectToObject(state, "observed"), "ids", ids);
    else
        cJSON_Delete(ids);
    return state;
}

static hal9_status look(const struct job *j, struct hal9_step_ctx *c, cJSON **ret,
                        struct hal9_error *err) {
    const struct fl_call call = {.f = j->f,
                                 .state = hal9_step_dry(c) ? NULL : hal9_step_state(c),
                                 .cancel_fd = hal9_step_cancel_fd(c)};
    _cleanup_json_ cJSON *flags = NULL;
    hal9_status st = j->d->read(&call, &j->names, NULL, &flags, err);
    if (st == HAL9_OK)
        *ret = state_of(j, flags);
    return st;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret_state, struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    hal9_status st = job_open(hal9_step_args(c), &j, err);
    return st == HAL9_OK ? look(&j, c, ret_state, err) : st;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret_intent,
                          struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    (void)before;
    hal9_status st = job_open(hal9_step_args(c), &j, err);
    if (st != HAL9_OK)
        return st;
    *ret_intent = state_of(&j, j.flags);
    cJSON_DeleteItemFromObjectCaseSensitive(*ret_intent, "observed");
    return HAL9_OK;
}

/* ---- half-way: each flag is as before, as intended, or on its way from one to the other */

static bool on_its_way(const struct job *j, const cJSON *before, const cJSON *intended,
                       const cJSON *now) {
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(before, "flags");
    const cJSON *i = cJSON_GetObjectItemCaseSensitive(intended, "flags");
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(now, "flags");
    for (size_t k = 0; k < j->names.n; k++) {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(b, j->names.v[k]);
        const cJSON *shall = cJSON_GetObjectItemCaseSensitive(i, j->names.v[k]);
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(n, j->names.v[k]);
        if (!was || !shall || !is)
            return false;
        if (!hal9_json_equal(is, was) && !hal9_json_equal(is, shall) &&
            !(j->d->between && j->d->between(was, shall, is)))
            return false;
    }
    return true;
}

static hal9_status recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intended,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    hal9_status st = job_open(hal9_step_args(c), &j, err);
    if (st == HAL9_OK)
        *ret = on_its_way(&j, before, intended, now) ? HAL9_RECOVER_APPLY : HAL9_RECOVER_STOP;
    return st;
}

/* ---- acting */

static bool same_flags(const cJSON *a, const cJSON *b) {
    return hal9_json_equal(cJSON_GetObjectItemCaseSensitive(a, "flags"),
                           cJSON_GetObjectItemCaseSensitive(b, "flags"));
}

/* is: "now" for what this step left half-way, which undo takes back; "found" for what others did. */
static cJSON *three(const cJSON *before, const cJSON *intended, const char *is, const cJSON *now) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddItemToObject(j, "before", cJSON_Duplicate(before, true));
    cJSON_AddItemToObject(j, "intent", cJSON_Duplicate(intended, true));
    cJSON_AddItemToObject(j, is, cJSON_Duplicate(now, true));
    return j;
}

static hal9_status cannot_tell(const struct job *j, struct hal9_error *e, struct hal9_error *err) {
    if (j->d->shared && e->code == HAL9_E_UNKNOWN)
        hal9_error_hint(e, "whether anything was changed can't be told; when it answers again, run "
                           "this again: what is so already is left alone");
    return hal9_error_move(err, e);
}

/* It failed: what became of it is looked at once more, so that nothing half-done goes unsaid, and undo can take it back. What somebody
 * else did meanwhile is not ours to take back. */
static hal9_status after_failure(const struct job *j, struct hal9_step_ctx *c, const cJSON *before,
                                 const cJSON *intended, struct hal9_error *e,
                                 struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    if (e->code == HAL9_E_INTERRUPTED || e->code == HAL9_E_USAGE)
        return hal9_error_move(err, e);
    if (look(j, c, &now, NULL) != HAL9_OK)
        return cannot_tell(j, e, err);
    if (same_flags(now, intended))
        return HAL9_OK;
    if (same_flags(now, before))
        return hal9_error_move(err, e);
    if (!on_its_way(j, before, intended, now)) {
        hal9_step_detail(c, three(before, intended, "found", now));
        return hal9_error_move(err, e);
    }
    hal9_step_detail(c, three(before, intended, "now", now));
    _cleanup_free_ char *why = hal9_strdup(e->message);
    hal9_error_set(err, HAL9_E_DRIFT, "left half-way: %s", why);
    hal9_error_hint(err, "run this again to go on, or hal9-rollback undo to go back");
    return HAL9_E_DRIFT;
}

/* Only what is not so already is asked for. */
static cJSON *still_wanted(const struct job *j, const cJSON *now) {
    cJSON *wanted = cJSON_CreateObject();
    const cJSON *w;
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(now, "flags");
    cJSON_ArrayForEach(w, j->flags) {
        _cleanup_json_ cJSON *plain = fl_plain(j->d, w);
        if (!hal9_json_equal(plain, cJSON_GetObjectItemCaseSensitive(flags, w->string)))
            cJSON_AddItemToObject(wanted, w->string, cJSON_Duplicate(w, true));
    }
    return wanted;
}

static hal9_status changed_since(struct hal9_step_ctx *c, const cJSON *before,
                                 const cJSON *intended, const cJSON *now, const struct job *j,
                                 struct hal9_error *err) {
    hal9_step_detail(c, three(before, intended, "found", now));
    hal9_error_set(err, HAL9_E_DRIFT, "somebody else changed flags of %s since this was planned",
                   fl_name(j->f));
    hal9_error_hint(err, "nothing was written; look at it, then run this again");
    return HAL9_E_DRIFT;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intended,
                         struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    _cleanup_json_ cJSON *now = NULL;
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = job_open(hal9_step_args(c), &j, err);
    if (st == HAL9_OK)
        st = look(&j, c, &now, err);
    if (st != HAL9_OK)
        return st;
    if (!on_its_way(&j, before, intended, now) && !hal9_step_forced(c, "drift"))
        return changed_since(c, before, intended, now, &j, err);
    _cleanup_json_ cJSON *wanted = still_wanted(&j, now);
    const struct fl_call call = {
        .f = j.f, .state = hal9_step_state(c), .cancel_fd = hal9_step_cancel_fd(c)};
    hal9_step_progress(c, "asking %s", fl_name(j.f));
    st = j.d->write(&call, cJSON_GetObjectItemCaseSensitive(now, "flags"), wanted, &e);
    return st == HAL9_OK ? HAL9_OK : after_failure(&j, c, before, intended, &e, err);
}

/* ---- taking back, words */

static char *title_of(const struct job *j, const cJSON *from, const cJSON *to) {
    struct hal9_buf b = {0};
    hal9_buf_printf(&b, "%s: ", fl_name(j->f));
    for (size_t i = 0; i < j->names.n; i++) {
        const char *name = j->names.v[i];
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(from, name);
        _cleanup_free_ char *one = was ? hal9_flag_words(j->f, name, was) : NULL;
        _cleanup_free_ char *two =
            hal9_flag_words(j->f, name, cJSON_GetObjectItemCaseSensitive(to, name));
        hal9_buf_printf(&b, "%s%s ", i > 0 ? ", " : "", name);
        hal9_buf_printf(&b, "%s%s%s", one ? one : "", one ? " -> " : "", two);
        if (i == 2 && j->names.n > 4) {
            hal9_buf_printf(&b, " and %zu more", j->names.n - 3);
            break;
        }
    }
    return hal9_buf_take(&b);
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    _cleanup_job_ struct job j = {0};
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(before, "flags");
    hal9_status st = job_open(hal9_step_args(c), &j, err);
    if (st != HAL9_OK)
        return st;
    cJSON *args = cJSON_Duplicate(hal9_step_args(c), true);
    cJSON_ReplaceItemInObjectCaseSensitive(args, "flags", cJSON_Duplicate(flags, true));
    *ret_kind = hal9_kind_flag_set.name;
    *ret_args = args;
    *ret_title = title_of(&j, cJSON_GetObjectItemCaseSensitive(after, "flags"), flags);
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    _cleanup_job_ struct job j = {0};
    if (job_open(args, &j, NULL) != HAL9_OK)
        return hal9_strdup("set flags");
    return title_of(&j, NULL, j.flags);
}

cJSON *hal9_flag_changes(const cJSON *args, const cJSON *before, const cJSON *after) {
    _cleanup_job_ struct job j = {0};
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(before, "flags");
    const cJSON *to = cJSON_GetObjectItemCaseSensitive(after, "flags");
    cJSON *all = cJSON_CreateArray();
    if (job_open(args, &j, NULL) != HAL9_OK)
        return all;
    for (size_t i = 0; i < j.names.n; i++) {
        const char *name = j.names.v[i];
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(from, name);
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(to, name);
        if (was && is && hal9_json_equal(was, is))
            continue;
        _cleanup_free_ char *one = hal9_flag_words(j.f, name, was);
        _cleanup_free_ char *two = hal9_flag_words(j.f, name, is);
        cJSON *change = cJSON_CreateObject();
        hal9_json_add_str(change, "store", fl_name(j.f));
        hal9_json_add_str(change, "type", j.d->kind);
        hal9_json_add_str(change, "flag", name);
        hal9_json_add_str(change, "from", one);
        hal9_json_add_str(change, "to", two);
        cJSON_AddItemToArray(all, change);
    }
    return all;
}

const struct hal9_step_kind hal9_kind_flag_set = {
    .name = "flag.set",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .recover = recover,
    .invert = invert,
    .describe = describe,
};
