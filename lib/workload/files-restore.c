/* The step kind files.restore: a file or a folder made as a captured tree has it. */
#include <errno.h>
#include <string.h>

#include "hal9ops/sys.h"
#include "workload/restore.h"

static const char *path_of(const cJSON *args) {
    const char *path = hal9_json_str(args, "path");
    return path ? path : "";
}

cJSON *hal9_args_files(const char *path, const char *tree) {
    cJSON *j = cJSON_CreateObject();
    _cleanup_free_ char *resource = wl_file_resource(path);
    hal9_json_add_str(j, "path", resource + strlen("file:"));
    hal9_json_add_str(j, "tree", tree);
    return j;
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    hal9_strv_take(ret, hal9_strf("file:%s", path_of(args)));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    struct hal9_state *s = hal9_step_state(c);
    const bool keep = s && hal9_state_is_writable(s) && !hal9_step_dry(c);
    _cleanup_store_ struct wl_store store;
    _cleanup_json_ cJSON *capture = NULL;
    hal9_status st = wl_store_open(s, keep, &store, err);
    if (st == HAL9_OK)
        st = wl_capture_tree(&store, path_of(hal9_step_args(c)), hal9_step_cancel_fd(c), &capture,
                             err);
    if (st != HAL9_OK)
        return st;
    *ret = cJSON_CreateObject();
    hal9_json_add_str(*ret, "tree", hal9_json_str(capture, "tree"));
    cJSON *observed = cJSON_AddObjectToObject(*ret, "observed");
    hal9_json_add_int(observed, "files", hal9_json_int(capture, "files", 0));
    hal9_json_add_int(observed, "bytes", hal9_json_int(capture, "bytes", 0));
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                          struct hal9_error *err) {
    const char *tree = hal9_json_str(hal9_step_args(c), "tree");
    (void)before;
    if (!tree)
        return hal9_error_set(err, HAL9_E_CORRUPT, "the step has no tree");
    *ret = cJSON_CreateObject();
    hal9_json_add_str(*ret, "tree", tree);
    return HAL9_OK;
}

/* ---- what differs, three ways ---- */

struct three {
    struct wl_store kept, now; /* what was captured; what is there */
    struct hal9_sha before, wanted, found;
    cJSON *capture;
    struct wl_tasks tasks; /* from now to wanted */
    struct hal9_strv drift;
};

static void three_clear(struct three *t) {
    wl_tasks_clear(&t->tasks);
    hal9_strv_free(&t->drift);
    cJSON_Delete(t->capture);
    wl_store_close(&t->kept);
    wl_store_close(&t->now);
}

/* keep: what is found is kept in the packs. */
static hal9_status look(struct hal9_step_ctx *c, const cJSON *before, const cJSON *wanted,
                        bool keep, struct three *t, struct hal9_error *err) {
    struct hal9_state *s = hal9_step_state(c);
    *t = (struct three){.capture = NULL};
    hal9_status st = wl_store_open(s, keep, &t->now, err);
    if (st == HAL9_OK)
        st = wl_capture_tree(&t->now, path_of(hal9_step_args(c)), hal9_step_cancel_fd(c),
                             &t->capture, err);
    /* after it: so that it knows what was just written */
    hal9_status opened = wl_store_open(s, false, &t->kept, st == HAL9_OK ? err : NULL);
    st = st == HAL9_OK ? opened : st;
    if (st == HAL9_OK)
        st = wl_tree_of(before, &t->before, err);
    if (st == HAL9_OK)
        st = wl_tree_of(wanted, &t->wanted, err);
    if (st == HAL9_OK)
        st = wl_tree_of(t->capture, &t->found, err);
    if (st == HAL9_OK)
        st = wl_tasks_find(&t->now, &t->found, &t->kept, &t->wanted, &t->tasks, err);
    if (st == HAL9_OK)
        st = wl_restore_drift(&t->kept, &t->before, &t->now, &t->found, &t->tasks, &t->drift, err);
    return st;
}

enum { NAMED = 5 };

static hal9_status tell_drift(struct hal9_step_ctx *c, const struct hal9_strv *drift,
                              struct hal9_error *err) {
    struct hal9_strv some = {0};
    for (size_t i = 0; i < drift->n && i < NAMED; i++)
        hal9_strv_add(&some, *drift->v[i] ? drift->v[i] : path_of(hal9_step_args(c)));
    _cleanup_free_ char *list = hal9_strv_join(&some, ", ");
    hal9_strv_free(&some);
    cJSON *detail = cJSON_CreateObject();
    cJSON_AddItemToObject(detail, "drift", hal9_json_strv(drift));
    hal9_step_detail(c, detail);
    hal9_error_set(err, HAL9_E_DRIFT, "in %s somebody else has changed since: %s%s",
                   path_of(hal9_step_args(c)), list, drift->n > NAMED ? ", and more" : "");
    hal9_error_hint(err, "look at it; --force=drift overwrites it (it is kept all the same)");
    return HAL9_E_DRIFT;
}

/* Every content that will be written is there and whole, before the first is. */
static hal9_status need_contents(const struct three *t, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < t->tasks.n; i++) {
        const struct wl_task *one = &t->tasks.v[i];
        const void *data;
        size_t len;
        if (one->is_wanted && one->wanted.type == 'f' && !one->wanted.link)
            st = wl_store_view(&t->kept, &one->wanted.sha, &data, &len, err);
        if (st == HAL9_OK && one->is_wanted && one->wanted.has_xattrs)
            st = wl_store_view(&t->kept, &one->wanted.xattrs, &data, &len, err);
        if (st != HAL9_OK)
            hal9_error_prefix(err, "%s can't be brought back", *one->path ? one->path : "it");
    }
    return st;
}

/* What is there now is named in the journal, where it isn't `before` any more: so it stays. */
static hal9_status note_found(struct hal9_step_ctx *c, const struct three *t,
                              struct hal9_error *err) {
    if (memcmp(&t->found, &t->before, sizeof(t->found)) == 0)
        return HAL9_OK;
    cJSON *note = cJSON_CreateObject(), *found = cJSON_AddObjectToObject(note, "found");
    hal9_json_add_str(found, "tree", hal9_json_str(t->capture, "tree"));
    return hal9_step_note(c, note, err);
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    struct wl_placer p = {.c = c, .forced = hal9_step_forced(c, "drift")};
    struct three t;
    hal9_status st = look(c, before, intent_, true, &t, err);
    if (st == HAL9_OK && t.drift.n > 0 && !p.forced)
        st = tell_drift(c, &t.drift, err);
    if (st == HAL9_OK)
        st = need_contents(&t, err);
    if (st == HAL9_OK)
        st = note_found(c, &t, err);
    if (st == HAL9_OK) {
        p.store = &t.kept;
        st = wl_placer_open(&p, path_of(hal9_step_args(c)), err);
        if (st == HAL9_OK)
            st = wl_place_all(&p, &t.tasks, err);
        wl_placer_close(&p);
    }
    three_clear(&t);
    return st;
}

/* What a kill has left half-way is gone on with, unless somebody else was there since. */
static hal9_status recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    struct three t;
    (void)now;
    hal9_status st = look(c, before, intent_, false, &t, err);
    if (st == HAL9_OK)
        *ret = t.drift.n > 0 ? HAL9_RECOVER_STOP : HAL9_RECOVER_APPLY;
    three_clear(&t);
    return st;
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    const char *path = path_of(hal9_step_args(c));
    (void)after, (void)err;
    *ret_kind = hal9_kind_files_restore.name;
    *ret_args = hal9_args_files(path, hal9_json_str(before, "tree"));
    *ret_title = hal9_strf("put %s back as it was before", path);
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    return hal9_strf("bring back %s", path_of(args));
}

const struct hal9_step_kind hal9_kind_files_restore = {
    .name = "files.restore",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .recover = recover,
    .invert = invert,
    .describe = describe,
};
