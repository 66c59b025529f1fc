/* What differs between two trees: listings side by side; folders that have the same SHA-256 need no look. */
#include <string.h>

#include "workload/tree.h"

struct compare {
    const struct wl_store *sa, *sb;
    wl_change_fn fn;
    void *data;
};

static hal9_status compare_lists(const struct compare *c, const char *path, struct wl_listing *a,
                                 struct wl_listing *b, struct hal9_error *err);

static hal9_status list_of(const struct wl_store *s, const struct wl_meta *m,
                           struct wl_listing *ret, struct hal9_error *err) {
    *ret = (struct wl_listing){0};
    return m && m->type == 'd' ? wl_store_list(s, &m->sha, false, ret, err) : HAL9_OK;
}

/* But for what is in it. */
static bool same_folder(const struct wl_meta *a, const struct wl_meta *b) {
    struct wl_meta x = *a, y = *b;
    memset(&x.sha, 0, sizeof(x.sha));
    memset(&y.sha, 0, sizeof(y.sha));
    return wl_meta_equal(&x, &y);
}

static hal9_status compare_one(const struct compare *c, const char *path, const struct wl_meta *a,
                               const struct wl_meta *b, struct hal9_error *err) {
    const bool a_dir = a && a->type == 'd', b_dir = b && b->type == 'd';
    struct wl_listing la, lb;
    hal9_status st = HAL9_OK;
    if (a && b && wl_meta_equal(a, b))
        return HAL9_OK;
    if (!a_dir || !b_dir || !same_folder(a, b))
        st = c->fn(c->data, &(struct wl_change){path, a, b}, err);
    if (st != HAL9_OK || (!a_dir && !b_dir) ||
        (a_dir && b_dir && memcmp(&a->sha, &b->sha, sizeof(a->sha)) == 0))
        return st;
    st = list_of(c->sa, a, &la, err);
    if (st == HAL9_OK)
        st = list_of(c->sb, b, &lb, err);
    return st == HAL9_OK ? compare_lists(c, path, &la, &lb, err) : st;
}

static hal9_status compare_lists(const struct compare *c, const char *path, struct wl_listing *a,
                                 struct wl_listing *b, struct hal9_error *err) {
    struct wl_item x, y;
    bool a_end, b_end;
    hal9_status st = wl_list_next(a, &x, &a_end, err);
    if (st == HAL9_OK)
        st = wl_list_next(b, &y, &b_end, err);
    while (st == HAL9_OK && (!a_end || !b_end)) {
        int order = a_end ? 1 : b_end ? -1 : strcmp(x.name, y.name);
        const char *name = order <= 0 ? x.name : y.name;
        _cleanup_free_ char *whole =
            *path && *name ? hal9_strf("%s/%s", path, name) : hal9_strdup(*name ? name : path);
        st = compare_one(c, whole, order <= 0 ? &x.meta : NULL, order >= 0 ? &y.meta : NULL, err);
        if (st == HAL9_OK && order <= 0)
            st = wl_list_next(a, &x, &a_end, err);
        if (st == HAL9_OK && order >= 0)
            st = wl_list_next(b, &y, &b_end, err);
    }
    return st;
}

hal9_status wl_tree_compare(const struct wl_store *sa, const struct hal9_sha *a,
                            const struct wl_store *sb, const struct hal9_sha *b, wl_change_fn fn,
                            void *data, struct hal9_error *err) {
    const struct compare c = {sa, sb, fn, data};
    struct wl_listing la, lb;
    if (memcmp(a, b, sizeof(*a)) == 0)
        return HAL9_OK;
    hal9_status st = wl_store_list(sa, a, true, &la, err);
    if (st == HAL9_OK)
        st = wl_store_list(sb, b, true, &lb, err);
    return st == HAL9_OK ? compare_lists(&c, "", &la, &lb, err) : st;
}

/* ---- for others ---- */

const char *hal9_tree_kind_name(enum hal9_tree_kind k) {
    static const char *const names[] = {"added", "removed", "changed", "meta"};
    return names[k];
}

#define TEXT_MAX ((size_t)4 << 20) /* of a file of now that is read to be compared */

struct tell {
    const struct wl_store *sa, *sb;
    const char *path;
    bool b_is_now;
    int (*fn)(void *data, const struct hal9_tree_change *c);
    void *data;
    bool ended;
};

static void side(const struct wl_store *s, const struct wl_meta *m, struct hal9_tree_side *ret) {
    if (!m)
        return;
    *ret = (struct hal9_tree_side){.type = m->type,
                                   .mode = m->mode,
                                   .uid = m->uid,
                                   .gid = m->gid,
                                   .size = m->size,
                                   .mtime_ms = m->mtime * 1000 + m->mtime_ns / 1000000,
                                   .attributes = m->has_xattrs,
                                   .link = m->link};
    if (m->type == 'f' && s && wl_store_view(s, &m->sha, &ret->data, &ret->len, NULL) != HAL9_OK)
        ret->data = NULL;
}

static enum hal9_tree_kind kind_of(const struct wl_meta *a, const struct wl_meta *b) {
    if (!a)
        return HAL9_TREE_ADDED;
    if (!b)
        return HAL9_TREE_REMOVED;
    const bool same = a->type == b->type &&
                      (a->type != 'f' || memcmp(&a->sha, &b->sha, sizeof(a->sha)) == 0) &&
                      (a->type != 'l' || hal9_streq(a->link, b->link)) &&
                      ((a->type != 'c' && a->type != 'b') || a->size == b->size);
    return same ? HAL9_TREE_META : HAL9_TREE_CHANGED;
}

static hal9_status tell(void *data, const struct wl_change *c, struct hal9_error *err) {
    struct tell *t = data;
    _cleanup_free_ char *path =
        *c->path ? hal9_strf("%s/%s", t->path, c->path) : hal9_strdup(t->path);
    _cleanup_buf_ struct hal9_buf now = {0};
    struct hal9_tree_change change = {.path = path, .kind = kind_of(c->a, c->b)};
    (void)err;
    if (t->ended)
        return HAL9_OK;
    side(t->sa, c->a, &change.a);
    side(t->b_is_now ? NULL : t->sb, c->b, &change.b);
    if (t->b_is_now && change.b.type == 'f' && change.kind != HAL9_TREE_META &&
        hal9_file_read(path, TEXT_MAX, &now, NULL) == HAL9_OK) {
        change.b.data = now.data ? now.data : "";
        change.b.len = now.len;
    }
    t->ended = t->fn(t->data, &change) != 0;
    return HAL9_OK;
}

hal9_status hal9_tree_diff(struct hal9_state *s, const cJSON *a, const cJSON *b,
                           int (*fn)(void *data, const struct hal9_tree_change *c), void *data,
                           struct hal9_error *err) {
    _cleanup_store_ struct wl_store store, now;
    _cleanup_json_ cJSON *captured = NULL;
    struct hal9_sha ta, tb;
    const char *path = hal9_json_str(a, "path");
    hal9_status st = wl_store_open(s, false, &store, err);
    hal9_status opened = wl_store_open(s, false, &now, st == HAL9_OK ? err : NULL);
    st = st == HAL9_OK ? opened : st;
    if (st == HAL9_OK)
        st = wl_tree_of(a, &ta, err);
    if (st == HAL9_OK && !b)
        st = wl_capture_tree(&now, path ? path : "", -1, &captured, err);
    if (st == HAL9_OK)
        st = wl_tree_of(b ? b : captured, &tb, err);
    if (st != HAL9_OK)
        return st;
    struct tell t = {&store, b ? &store : &now, path ? path : "", !b, fn, data, false};
    return wl_tree_compare(&store, &ta, t.sb, &tb, tell, &t, err);
}

struct reach {
    const struct wl_store *s;
    struct hal9_sha_map all;
    struct hal9_sha_map listings; /* looked into: a file may have the bytes of one */
};

static hal9_status reach(struct reach *r, const struct hal9_sha *tree, bool top,
                         struct hal9_error *err) {
    struct wl_listing l;
    struct wl_item item;
    bool end = false;
    hal9_sha_map_add(&r->all, tree, 0, 0);
    if (!hal9_sha_map_add(&r->listings, tree, 0, 0))
        return HAL9_OK;
    hal9_status st = wl_store_list(r->s, tree, top, &l, err);
    while (st == HAL9_OK) {
        st = wl_list_next(&l, &item, &end, err);
        if (st != HAL9_OK || end)
            break;
        if (item.meta.has_xattrs)
            hal9_sha_map_add(&r->all, &item.meta.xattrs, 0, 0);
        if (item.meta.type == 'd')
            st = reach(r, &item.meta.sha, false, err);
        else if (item.meta.type == 'f')
            hal9_sha_map_add(&r->all, &item.meta.sha, 0, 0);
    }
    return st;
}

hal9_status hal9_tree_reach(struct hal9_state *s, const struct hal9_sha *trees, size_t n_trees,
                            struct hal9_sha **ret, size_t *ret_n, struct hal9_error *err) {
    _cleanup_store_ struct wl_store store;
    struct reach r = {.s = &store};
    hal9_status st = wl_store_open(s, false, &store, err);
    for (size_t i = 0; st == HAL9_OK && i < n_trees; i++)
        st = reach(&r, &trees[i], true, err);
    if (st == HAL9_OK) {
        *ret = hal9_alloc((r.all.n + 1) * sizeof(**ret));
        for (size_t i = 0; i < r.all.n; i++)
            (*ret)[i] = r.all.v[i].sha;
        *ret_n = r.all.n;
    }
    hal9_sha_map_clear(&r.all);
    hal9_sha_map_clear(&r.listings);
    return st;
}
