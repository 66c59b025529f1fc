/* A capture: what the walk found becomes listings, from the innermost folders up to the one of the whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "hal9ops/sys.h"
#include "workload/tree.h"

struct sum {
    uint64_t files, bytes;
};

/* The first path of each inode that has several. */
struct links {
    struct hal9_sha_map first; /* by device and inode: at into paths */
    struct hal9_strv paths;
};

static void links_clear(struct links *l) {
    hal9_sha_map_clear(&l->first);
    hal9_strv_free(&l->paths);
}

static void note_link(struct links *l, struct wl_file *f, const char *dir) {
    struct hal9_sha key = {{0}};
    uint64_t ids[2] = {f->st.st_ino, f->st.st_dev};
    memcpy(key.b, ids, sizeof(ids));
    if (hal9_sha_map_add(&l->first, &key, l->paths.n, 0)) {
        hal9_strv_take(&l->paths, *dir ? hal9_strf("%s/%s", dir, f->name) : hal9_strdup(f->name));
        return;
    }
    free(f->link);
    f->meta.link = f->link = hal9_strdup(l->paths.v[hal9_sha_map_get(&l->first, &key)->at]);
}

/* In the order of the listing, so that the first is always the same one. */
static void find_links(struct links *l, struct wl_dir *d) {
    for (size_t i = 0; i < d->n; i++) {
        struct wl_file *f = &d->files[i];
        if (f->gone)
            continue;
        if (f->dir)
            find_links(l, f->dir);
        else if (f->meta.type == 'f' && f->st.st_nlink > 1)
            note_link(l, f, d->path);
    }
}

static bool sub_unchanged(const struct wl_file *f) {
    const struct wl_cached_file *t = f->twin;
    return t && memcmp(&t->sha, &f->meta.sha, sizeof(t->sha)) == 0 &&
           f->meta.has_xattrs == ((t->flags & WL_CACHED_XATTRS) != 0) &&
           memcmp(&t->xattrs, &f->meta.xattrs, sizeof(t->xattrs)) == 0;
}

static hal9_status list_dir(struct wl_walk *w, struct wl_dir *d, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf bytes = {0};
    for (size_t i = 0; i < d->n; i++)
        if (!d->files[i].gone)
            wl_list_add(&bytes, d->files[i].name, &d->files[i].meta);
    w->changed = true;
    return wl_store_put(w->store, bytes.len > 0 ? bytes.data : "", bytes.len, true, &d->sha, err);
}

/* A folder of which only folders in it have changed: its files are in the cache, the folders here, both by name. */
static hal9_status list_cached(struct wl_walk *w, struct wl_dir *d, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf bytes = {0};
    size_t next = 0;
    for (size_t i = 0; i < d->cached->n; i++) {
        const struct wl_cached_file *c = &w->cache.files[d->cached->first + i];
        const char *name = w->cache.strings + c->name;
        struct wl_meta m;
        if (next < d->n && strcmp(d->files[next].name, name) == 0) {
            if (!d->files[next].gone)
                wl_list_add(&bytes, name, &d->files[next].meta);
            next++;
            continue;
        }
        wl_cache_meta(&w->cache, c, &m);
        wl_list_add(&bytes, name, &m);
    }
    w->changed = true;
    return wl_store_put(w->store, bytes.len > 0 ? bytes.data : "", bytes.len, true, &d->sha, err);
}

static hal9_status sum_up(struct wl_walk *w, struct wl_dir *d, struct sum *sum,
                          struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    sum->files += d->n_known;
    sum->bytes += d->known_bytes;
    for (size_t i = 0; st == HAL9_OK && i < d->n; i++) {
        struct wl_file *f = &d->files[i];
        if (f->gone)
            continue;
        if (f->meta.type == 'd') {
            struct wl_dir empty = {.path = NULL}; /* a mount point: what is below isn't looked at */
            st = f->dir ? sum_up(w, f->dir, sum, err) : list_dir(w, &empty, err);
            if (st == HAL9_OK)
                f->meta.sha = f->dir ? f->dir->sha : empty.sha;
            d->unchanged = d->unchanged && sub_unchanged(f);
            continue;
        }
        sum->files++;
        sum->bytes += f->meta.type == 'f' ? f->meta.size : 0;
        w->changed = w->changed || !f->cached;
    }
    if (st != HAL9_OK)
        return st;
    if (!d->unchanged && d->as_cached)
        return list_cached(w, d, err);
    if (!d->unchanged)
        return list_dir(w, d, err);
    d->sha = d->cached->sha;
    return HAL9_OK;
}

/* The listing at the top. */
static hal9_status top(struct wl_walk *w, struct sum *sum, struct hal9_sha *ret,
                       struct hal9_error *err) {
    _cleanup_(links_clear) struct links links = {.paths = {0}};
    _cleanup_buf_ struct hal9_buf bytes = {0};
    struct wl_file *root = &w->root;
    hal9_status st = HAL9_OK;
    if (root->dir) {
        find_links(&links, root->dir);
        st = sum_up(w, root->dir, sum, err);
        root->meta.sha = root->dir->sha;
    } else if (!root->gone) {
        sum->files = 1;
        sum->bytes = root->meta.type == 'f' ? root->meta.size : 0;
    }
    if (st != HAL9_OK)
        return st;
    if (!root->gone)
        wl_list_add(&bytes, "", &root->meta);
    return wl_store_put(w->store, bytes.len > 0 ? bytes.data : "", bytes.len, true, ret, err);
}

static cJSON *capture_json(const char *path, bool absent, const struct hal9_sha *tree,
                           const struct sum *sum) {
    cJSON *j = cJSON_CreateObject();
    char hex[65];
    hal9_hex(tree->b, sizeof(tree->b), hex);
    _cleanup_free_ char *real = wl_file_resource(path);
    hal9_json_add_str(j, "path", path);
    hal9_json_add_str(j, "real", real + strlen("file:"));
    hal9_json_add_str(j, "tree", hex);
    hal9_json_add_int(j, "files", (int64_t)sum->files);
    hal9_json_add_int(j, "bytes", (int64_t)sum->bytes);
    if (absent)
        cJSON_AddTrueToObject(j, "absent");
    return j;
}

static hal9_status walk_open(struct wl_walk *w, struct wl_store *store, const char *path,
                             int cancel_fd, struct hal9_error *err) {
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = !slash          ? hal9_strdup(".")
                                  : slash == path ? hal9_strdup("/")
                                                  : hal9_strndup(path, (size_t)(slash - path));
    struct stat st;
    *w = (struct wl_walk){.store = store, .cancel_fd = cancel_fd, .path = hal9_strdup(path)};
    w->base = hal9_strdup(slash ? slash + 1 : path);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (store->s && stat(hal9_state_path(store->s), &st) == 0) {
        w->state_dev = st.st_dev;
        w->state_ino = st.st_ino;
    }
    w->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!*w->base || strcmp(w->base, "..") == 0 || strcmp(w->base, ".") == 0)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' is not the path of a file or folder", path);
    if (w->folder < 0 && errno != ENOENT && errno != ENOTDIR)
        return hal9_error_errno(err, errno, "cannot open the folder of %s", path);
    if (store->s)
        wl_cache_open(store->s, path, store->w ? hal9_pack_known(store->w) : store->packs,
                      &w->cache);
    return HAL9_OK;
}

hal9_status wl_capture_tree(struct wl_store *store, const char *path, int cancel_fd, cJSON **ret,
                            struct hal9_error *err) {
    struct wl_walk w;
    struct sum sum = {0};
    struct hal9_sha tree;
    const bool keep = store->w != NULL;
    hal9_status st = walk_open(&w, store, path, cancel_fd, err);
    if (st == HAL9_OK && w.folder < 0)
        w.root.gone = true; /* not even its folder is there */
    else if (st == HAL9_OK)
        st = wl_walk_run(&w, err);
    if (st == HAL9_OK)
        st = top(&w, &sum, &tree, err);
    if (st == HAL9_OK && keep)
        st = wl_store_finish(store, err);
    if (st == HAL9_OK)
        *ret = capture_json(path, w.root.gone, &tree, &sum);
    if (st == HAL9_OK && keep && (w.changed || !w.root.cached)) {
        struct wl_dir above = {.path = (char[]){"/"}, .files = &w.root, .n = 1};
        *HAL9_APPEND(w.dirs, w.n_dirs, w.cap_dirs) = &above;
        wl_cache_save(store->s, path, store->packs, &w.cache, w.dirs, w.n_dirs);
        w.n_dirs--;
    }
    wl_walk_clear(&w);
    return st;
}

hal9_status hal9_tree_capture(struct hal9_state *s, const char *path, int cancel_fd, cJSON **ret,
                              struct hal9_error *err) {
    _cleanup_store_ struct wl_store store;
    hal9_status st = wl_store_open(s, s && hal9_state_is_writable(s), &store, err);
    return st == HAL9_OK ? wl_capture_tree(&store, path, cancel_fd, ret, err) : st;
}

hal9_status wl_tree_of(const cJSON *capture, struct hal9_sha *ret, struct hal9_error *err) {
    const char *hex = hal9_json_str(capture, "tree");
    if (hex && strlen(hex) == 64 && hal9_unhex(hex, ret->b, sizeof(ret->b)))
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_CORRUPT, "a captured tree has no name");
}
