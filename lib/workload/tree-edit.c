/* Captured trees that never were: one disturbed for a rehearsal, one that this user may make anywhere. Only listings and the contents that are new are written. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload/tree.h"

#define ADDED "hal9-rehearsal"
#define WORDS "hal9-rollback rehearses here; this is taken back.\n"

struct edit {
    struct wl_store from, to;
    /* What becomes of an entry: its meta may be changed; *ret_drop: it goes. path: in the tree. */
    hal9_status (*each)(struct edit *e, const char *path, struct wl_meta *m, bool *ret_drop,
                        struct hal9_error *err);
    bool add;                /* one more file in the folder at the top */
    struct hal9_strv linked; /* paths with several names */
    /* what a disturbance has changed: paths, and what was done to them */
    struct hal9_strv content, mode, removed;
    size_t files; /* that may be disturbed */
    struct hal9_buf *words;
};

static hal9_status edit_open(struct hal9_state *s, struct edit *e, struct hal9_error *err) {
    hal9_status st = wl_store_open(s, false, &e->from, err);

    return st == HAL9_OK ? wl_store_open(s, true, &e->to, err) : st;
}

static void edit_close(struct edit *e) {
    wl_store_close(&e->from);
    wl_store_close(&e->to);
    hal9_strv_free(&e->linked);
    hal9_strv_free(&e->content);
    hal9_strv_free(&e->mode);
    hal9_strv_free(&e->removed);
}

/* ---- a look at all of it ---- */

static hal9_status find_files(struct edit *e, const char *folder, const struct hal9_sha *sha,
                              bool top, struct hal9_strv *ret, struct hal9_error *err) {
    struct wl_listing l;
    struct wl_item i;
    bool end = false;
    hal9_status st = wl_store_list(&e->from, sha, top, &l, err);

    while (st == HAL9_OK && (st = wl_list_next(&l, &i, &end, err)) == HAL9_OK && !end) {
        _cleanup_free_ char *path =
            *folder ? hal9_strf("%s/%s", folder, i.name) : hal9_strdup(i.name);

        if (i.meta.type == 'f' && i.meta.link) {
            hal9_strv_add(&e->linked, path);
            hal9_strv_add(&e->linked, i.meta.link);
        } else if (i.meta.type == 'f') {
            hal9_strv_take(ret, HAL9_TAKE_PTR(path));
        } else if (i.meta.type == 'd') {
            st = find_files(e, path, &i.meta.sha, false, ret, err);
        }
    }
    return st;
}

/* ---- writing it anew ---- */

static hal9_status rewrite(struct edit *e, const char *folder, bool top,
                           const struct hal9_sha *from, struct hal9_sha *ret,
                           struct hal9_error *err);

static hal9_status rewrite_entry(struct edit *e, const char *folder, struct wl_item *i,
                                 struct hal9_buf *to, struct hal9_error *err) {
    _cleanup_free_ char *path =
        *folder ? hal9_strf("%s/%s", folder, i->name) : hal9_strdup(i->name);
    bool drop = false;
    hal9_status st = HAL9_OK;

    if (i->meta.type == 'd')
        st = rewrite(e, path, false, &i->meta.sha, &i->meta.sha, err);
    if (st == HAL9_OK)
        st = e->each(e, path, &i->meta, &drop, err);
    if (st == HAL9_OK && !drop)
        wl_list_add(to, i->name, &i->meta);
    return st;
}

static hal9_status add_file(struct edit *e, const char *name, struct hal9_buf *to,
                            struct hal9_error *err) {
    struct wl_meta m = {.type = 'f',
                        .mode = 0644,
                        .uid = geteuid(),
                        .gid = getegid(),
                        .size = strlen(WORDS),
                        .mtime = hal9_now_ms() / 1000};
    hal9_status st = wl_store_put(&e->to, WORDS, strlen(WORDS), false, &m.sha, err);

    if (st == HAL9_OK)
        wl_list_add(to, name, &m);
    e->add = false;
    return st;
}

/* Listings are in the order of names. */
static hal9_status rewrite(struct edit *e, const char *folder, bool top,
                           const struct hal9_sha *from, struct hal9_sha *ret,
                           struct hal9_error *err) {
    const struct hal9_sha is = *from;
    _cleanup_buf_ struct hal9_buf to = {0};
    struct wl_listing l;
    struct wl_item i;
    bool end = false, there = false;
    const bool here = e->add && !top && !*folder;
    hal9_status st = wl_store_list(&e->from, &is, top, &l, err);

    while (st == HAL9_OK && (st = wl_list_next(&l, &i, &end, err)) == HAL9_OK && !end) {
        const int order = strcmp(i.name, ADDED);

        there = there || order == 0;
        if (here && e->add && order > 0 && !there)
            st = add_file(e, ADDED, &to, err);
        if (st == HAL9_OK)
            st = rewrite_entry(e, top ? "" : folder, &i, &to, err);
    }
    if (st == HAL9_OK && here && e->add && !there)
        st = add_file(e, ADDED, &to, err);
    if (st == HAL9_OK && top && to.len == 0 && e->add)
        st = add_file(e, "", &to, err);
    return st == HAL9_OK ? wl_store_put(&e->to, to.len > 0 ? to.data : "", to.len, true, ret, err)
                         : st;
}

static hal9_status edit_tree(struct edit *e, const struct hal9_sha *tree, char ret[65],
                             struct hal9_error *err) {
    struct hal9_sha sha = {0};
    hal9_status st = rewrite(e, "", true, tree, &sha, err);

    if (st == HAL9_OK)
        st = wl_store_finish(&e->to, err);
    if (st == HAL9_OK)
        hal9_hex(sha.b, sizeof(sha.b), ret);
    return st;
}

/* ---- one that is disturbed ---- */

static void told(struct edit *e, const char *path, const char *what) {
    hal9_buf_printf(e->words, "%s%s %s", e->words->len > 0 ? ", " : "", *path ? path : "it", what);
}

static hal9_status new_content(struct edit *e, struct wl_meta *m, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf b = {0};
    const void *data;
    size_t len;
    hal9_status st = wl_store_view(&e->from, &m->sha, &data, &len, err);

    if (st != HAL9_OK)
        return st;
    if (len < ((size_t)1 << 20)) /* a large one is made a small one: that is change enough */
        hal9_buf_add(&b, data, len);
    hal9_buf_puts(&b, WORDS);
    m->size = b.len;
    m->mtime++;
    return wl_store_put(&e->to, b.data, b.len, false, &m->sha, err);
}

static hal9_status disturb(struct edit *e, const char *path, struct wl_meta *m, bool *ret_drop,
                           struct hal9_error *err) {
    if (m->type == 'l' && !*path) {
        told(e, path, "changed");
        m->link = "hal9-rehearsal";
        return HAL9_OK;
    }
    if (m->type != 'f')
        return HAL9_OK;
    *ret_drop = hal9_strv_has(&e->removed, path);
    if (*ret_drop)
        told(e, path, "removed");
    if (hal9_strv_has(&e->mode, path)) {
        m->mode ^= 0100; /* it opens nothing to anybody else */
        told(e, path, "with another mode");
    }
    if (!hal9_strv_has(&e->content, path))
        return HAL9_OK;
    told(e, path, "changed");
    return new_content(e, m, err);
}

/* Content, mode and removal: of three files where there are so many, else of fewer. */
static void choose(struct edit *e, const struct hal9_strv *files) {
    struct hal9_strv own = {0};

    for (size_t i = 0; i < files->n && own.n < 3; i++)
        if (!hal9_strv_has(&e->linked, files->v[i]))
            hal9_strv_add(&own, files->v[i]);
    if (own.n > 0)
        hal9_strv_add(&e->content, own.v[0]);
    if (own.n > 0)
        hal9_strv_add(&e->mode, own.v[own.n > 2 ? 1 : 0]);
    if (own.n > 1)
        hal9_strv_add(&e->removed, own.v[own.n - 1]);
    hal9_strv_free(&own);
}

hal9_status hal9_tree_disturb(struct hal9_state *s, const cJSON *capture, char ret[65],
                              char **ret_words, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf words = {0};
    _cleanup_(edit_close) struct edit e = {.each = disturb, .add = true, .words = &words};
    _cleanup_strv_ struct hal9_strv files = {0};
    struct hal9_sha tree;
    hal9_status st = wl_tree_of(capture, &tree, err);

    if (st == HAL9_OK)
        st = edit_open(s, &e, err);
    if (st == HAL9_OK)
        st = find_files(&e, "", &tree, true, &files, err);
    if (st != HAL9_OK)
        return st;
    choose(&e, &files);
    st = edit_tree(&e, &tree, ret, err);
    if (st != HAL9_OK)
        return st;
    if (!e.add)
        told(&e, ADDED, "added");
    *ret_words = hal9_buf_take(&words);
    return HAL9_OK;
}

/* ---- one for this user ---- */

static hal9_status own(struct edit *e, const char *path, struct wl_meta *m, bool *ret_drop,
                       struct hal9_error *err) {
    (void)e, (void)path, (void)err;
    *ret_drop = m->type == 'c' || m->type == 'b';
    m->uid = geteuid();
    m->gid = getegid();
    m->has_xattrs = false;
    m->xattrs = (struct hal9_sha){0};
    if (m->type != 'l')
        m->mode = (m->mode & 0777) | (m->type == 'd' ? 0700 : 0600);
    return HAL9_OK;
}

hal9_status hal9_tree_own(struct hal9_state *s, const cJSON *capture, char ret[65],
                          struct hal9_error *err) {
    _cleanup_(edit_close) struct edit e = {.each = own};
    struct hal9_sha tree;
    hal9_status st = wl_tree_of(capture, &tree, err);

    if (st == HAL9_OK)
        st = edit_open(s, &e, err);
    return st == HAL9_OK ? edit_tree(&e, &tree, ret, err) : st;
}
