/* What is to be done to bring one tree to another, and what somebody else has done since. */
#include <string.h>

#include "workload/restore.h"

void wl_tasks_clear(struct wl_tasks *t) {
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].path);
    free(t->v);
    *t = (struct wl_tasks){0};
}

static hal9_status add(void *data, const struct wl_change *c, struct hal9_error *err) {
    struct wl_tasks *all = data;
    struct wl_task *t = HAL9_APPEND(all->v, all->n, all->cap);
    (void)err;
    *t = (struct wl_task){hal9_strdup(c->path), c->a != NULL, c->b != NULL, {0}, {0}};
    if (c->a)
        t->now = *c->a;
    if (c->b)
        t->wanted = *c->b;
    return HAL9_OK;
}

hal9_status wl_tasks_find(const struct wl_store *sa, const struct hal9_sha *a,
                          const struct wl_store *sb, const struct hal9_sha *b, struct wl_tasks *ret,
                          struct hal9_error *err) {
    return wl_tree_compare(sa, a, sb, b, add, ret, err);
}

#define TEMP_PREFIX ".hal9-tmp."

char *wl_temp_name(const char *path) {
    char hex[65];
    hal9_sha256_hex(path, strlen(path), hex);
    return hal9_strf(TEMP_PREFIX "%.16s", hex);
}

bool wl_is_temp(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strncmp(name, TEMP_PREFIX, sizeof(TEMP_PREFIX) - 1) == 0;
}

/* ---- drift ---- */

struct drift {
    struct hal9_sha_map tasks; /* by path: what isn't as wanted yet */
    struct hal9_strv *ret;
};

static struct hal9_sha key_of(const char *path) {
    struct hal9_sha key = {0};
    hal9_sha256(path, strlen(path), key.b);
    return key;
}

/* But for which name of a file is the first: that changes while its names are put back one by one. */
static bool same_but_name(const struct wl_meta *a, const struct wl_meta *b) {
    struct wl_meta x = *a, y = *b;
    x.link = y.link = NULL;
    return a->type == 'f' && wl_meta_equal(&x, &y);
}

/* From before to now: whatever differs and isn't as wanted was somebody else. A folder's mode is set in several steps, so one that differs in it tells nothing. */
static hal9_status judge(void *data, const struct wl_change *c, struct hal9_error *err) {
    struct drift *d = data;
    struct hal9_sha key = key_of(c->path);
    (void)err;
    /* one that is not there was taken away on the way from a file to a folder, or the other way round; a folder counts by what is in it */
    if (hal9_sha_map_get(&d->tasks, &key) && !wl_is_temp(c->path) && c->b && c->b->type != 'd' &&
        !(c->a && same_but_name(c->a, c->b)))
        hal9_strv_add(d->ret, c->path);
    return HAL9_OK;
}

hal9_status wl_restore_drift(const struct wl_store *store, const struct hal9_sha *before,
                             const struct wl_store *store_now, const struct hal9_sha *now,
                             const struct wl_tasks *tasks, struct hal9_strv *ret,
                             struct hal9_error *err) {
    struct drift d = {.ret = ret};
    for (size_t i = 0; i < tasks->n; i++) {
        struct hal9_sha key = key_of(tasks->v[i].path);
        hal9_sha_map_add(&d.tasks, &key, 0, 0);
    }
    hal9_status st = wl_tree_compare(store, before, store_now, now, judge, &d, err);
    hal9_sha_map_clear(&d.tasks);
    return st;
}
