/*
 * The stat cache: what was read of which file. A file whose device, inode, size, mode, owner and times (mtime and ctime, nanoseconds) are as they were has not
 * changed since, unless it was changed within the clock's tick in which it was read: such entries aren't trusted, and the file is read again next time.
 * Only a cache: whatever is wrong with it, it is passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "hal9ops/sys.h"
#include "workload/tree.h"

#define MAGIC "HAL9TC1\n" /* in the machine's own order of bytes: it is this machine's */

struct head {
    char magic[8];
    uint64_t n_dirs, n_files, n_strings;
    uint8_t packs[32];  /* SHA-256 of the names of the packs that were there */
    uint64_t sum[3][4]; /* of the files, the folders, the strings */
};

static char *path_of(struct hal9_state *s, const char *path) {
    char hex[65];
    hal9_sha256_hex(path, strlen(path), hex);
    return hal9_strf("%s/treecache/%.32s.%u", hal9_state_path(s), hex, (unsigned)geteuid());
}

/* Contents that an entry names are in one of these. Later ones don't matter: what is there grows, until a pruning takes the cache away. */
static void packs_sum(const struct hal9_strv *names, size_t n, uint8_t ret[32]) {
    struct hal9_sha256 h;
    hal9_sha256_start(&h);
    for (size_t i = 0; i < n; i++)
        hal9_sha256_add(&h, names->v[i], strlen(names->v[i]) + 1);
    hal9_sha256_end(&h, ret);
}

/* Whether the packs of then are still there: names are sorted by the time they were made, so they are the first ones. */
static bool packs_there(const struct head *h, const struct hal9_packs *packs) {
    _cleanup_strv_ struct hal9_strv names = {0};
    uint8_t sum[32];
    if (packs)
        hal9_packs_names(packs, &names);
    for (size_t n = 0; n <= names.n; n++) {
        packs_sum(&names, n, sum);
        if (memcmp(sum, h->packs, sizeof(sum)) == 0)
            return true;
    }
    return false;
}

static bool use(struct wl_cache *c, const struct hal9_packs *packs) {
    const uint8_t *map = c->map;
    struct head h;
    uint64_t sum[3][4];
    if (c->size < sizeof(h))
        return false;
    memcpy(&h, map, sizeof(h));
    size_t room = c->size - sizeof(h);
    if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || h.n_dirs > room / sizeof(*c->dirs) ||
        h.n_files > room / sizeof(*c->files) || h.n_strings > room || h.n_strings == 0 ||
        h.n_dirs * sizeof(*c->dirs) + h.n_files * sizeof(*c->files) + h.n_strings != room ||
        !packs_there(&h, packs))
        return false;
    c->files = (const struct wl_cached_file *)(const void *)(map + sizeof(h));
    c->dirs = (const struct wl_cached_dir *)(const void *)(c->files + h.n_files);
    c->strings = (const char *)(c->dirs + h.n_dirs);
    hal9_quick_sum(c->files, h.n_files * sizeof(*c->files), sum[0]);
    hal9_quick_sum(c->dirs, h.n_dirs * sizeof(*c->dirs), sum[1]);
    hal9_quick_sum(c->strings, h.n_strings, sum[2]);
    if (memcmp(sum, h.sum, sizeof(sum)) != 0)
        return false;
    c->n_dirs = h.n_dirs;
    c->n_files = h.n_files;
    c->n_strings = h.n_strings;
    return true;
}

void wl_cache_open(struct hal9_state *s, const char *path, const struct hal9_packs *packs,
                   struct wl_cache *ret) {
    *ret = (struct wl_cache){0};
    _cleanup_free_ char *file = path_of(s, path);
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        st.st_size == 0)
        return;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return;
    ret->map = map;
    ret->size = (size_t)st.st_size;
    if (!use(ret, packs))
        wl_cache_close(ret);
}

void wl_cache_close(struct wl_cache *c) {
    if (c->map)
        munmap(c->map, c->size);
    *c = (struct wl_cache){0};
}

const struct wl_cached_dir *wl_cache_dir(const struct wl_cache *c, const char *path) {
    size_t low = 0, high = c->n_dirs;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(path, c->strings + c->dirs[mid].path);
        if (order == 0)
            return &c->dirs[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

void wl_cache_meta(const struct wl_cache *c, const struct wl_cached_file *f, struct wl_meta *ret) {
    *ret = (struct wl_meta){.type = wl_type_of(f->mode),
                            .mode = S_ISLNK(f->mode) ? 0777 : f->mode & 07777,
                            .uid = f->uid,
                            .gid = f->gid,
                            .has_xattrs = f->flags & WL_CACHED_XATTRS,
                            .sha = f->sha,
                            .xattrs = f->xattrs,
                            .link = f->link && S_ISLNK(f->mode) ? c->strings + f->link : NULL};
    if (ret->type == 'c' || ret->type == 'b')
        ret->size = f->rdev;
    if (ret->type != 'f')
        return;
    ret->size = f->size;
    ret->mtime = f->mtime;
    ret->mtime_ns = f->mtime_ns;
}

/* ---- writing ---- */

struct made {
    struct hal9_buf files, dirs, strings;
    uint32_t n_files;
};

static uint32_t add_string(struct made *m, const char *text) {
    size_t at = m->strings.len;
    hal9_buf_add(&m->strings, text, strlen(text) + 1);
    return (uint32_t)at;
}

static void add_file(struct made *m, const struct wl_file *f) {
    struct wl_cached_file c = {.dev = f->st.st_dev,
                               .ino = f->st.st_ino,
                               .size = (uint64_t)f->st.st_size,
                               .mtime = f->st.st_mtim.tv_sec,
                               .mtime_ns = (uint32_t)f->st.st_mtim.tv_nsec,
                               .ctime = f->st.st_ctim.tv_sec,
                               .ctime_ns = (uint32_t)f->st.st_ctim.tv_nsec,
                               .mode = f->st.st_mode,
                               .uid = f->st.st_uid,
                               .gid = f->st.st_gid,
                               .rdev = f->st.st_rdev,
                               .sha = f->meta.sha,
                               .xattrs = f->meta.xattrs};
    c.name = add_string(m, f->name);
    c.link = f->link ? add_string(m, f->link) : 0;
    c.flags = (f->trusted ? (uint32_t)WL_CACHED_TRUSTED : 0) |
              (f->meta.has_xattrs ? (uint32_t)WL_CACHED_XATTRS : 0);
    hal9_buf_add(&m->files, &c, sizeof(c));
    m->n_files++;
}

/* The files of a folder that was as the cache had it; the folders in it were looked at again. */
static void add_known(struct made *m, const struct wl_cache *old, const struct wl_dir *d) {
    size_t next = 0;
    for (size_t i = 0; i < d->cached->n; i++) {
        struct wl_cached_file c = old->files[d->cached->first + i];
        const char *name = old->strings + c.name, *link = old->strings + c.link;
        if (next < d->n && strcmp(d->files[next].name, name) == 0) {
            if (!d->files[next].gone)
                add_file(m, &d->files[next]);
            next++;
            continue;
        }
        c.name = add_string(m, name);
        c.link = c.link ? add_string(m, link) : 0;
        hal9_buf_add(&m->files, &c, sizeof(c));
        m->n_files++;
    }
}

static void add_dir(struct made *m, const struct wl_cache *old, const struct wl_dir *d) {
    struct wl_cached_dir c = {.first = m->n_files, .linked = d->linked, .sha = d->sha};
    if (d->as_cached)
        add_known(m, old, d);
    for (size_t i = 0; !d->as_cached && i < d->n; i++)
        if (!d->files[i].gone)
            add_file(m, &d->files[i]);
    c.n = m->n_files - c.first;
    c.path = add_string(m, d->path);
    hal9_buf_add(&m->dirs, &c, sizeof(c));
}

static int by_path(const void *a, const void *b) {
    return strcmp((*(struct wl_dir *const *)a)->path, (*(struct wl_dir *const *)b)->path);
}

static void write_out(struct hal9_state *s, const char *path, struct made *m, struct head *h) {
    _cleanup_free_ char *file = path_of(s, path);
    _cleanup_free_ char *folder = hal9_strf("%s/treecache", hal9_state_path(s));
    const struct iovec pieces[] = {{h, sizeof(*h)},
                                   {m->files.data, m->files.len},
                                   {m->dirs.data, m->dirs.len},
                                   {m->strings.data, m->strings.len}};
    struct stat st;
    for (int i = 0; i < 3; i++)
        hal9_quick_sum(pieces[i + 1].iov_base, pieces[i + 1].iov_len, h->sum[i]);
    if (stat(folder, &st) < 0 && (stat(hal9_state_path(s), &st) < 0 ||
                                  hal9_dir_make(folder, st.st_mode & 07777, NULL) != HAL9_OK))
        return;
    if (hal9_cache_write(file, pieces, HAL9_ARRAY_LEN(pieces), NULL) != HAL9_OK)
        hal9_log(1, "what was read of %s could not be noted in %s", path, file);
}

void wl_cache_save(struct hal9_state *s, const char *path, const struct hal9_packs *packs,
                   const struct wl_cache *old, struct wl_dir *const *dirs, size_t n) {
    struct head h = {.magic = {0}};
    struct made m = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_free_ struct wl_dir **sorted = hal9_alloc((n + 1) * sizeof(struct wl_dir *));
    memcpy(sorted, dirs, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(struct wl_dir *), by_path);
    hal9_packs_names(packs, &names);
    packs_sum(&names, names.n, h.packs);
    memcpy(h.magic, MAGIC, sizeof(h.magic));
    add_string(&m, ""); /* 0 is no link */
    for (size_t i = 0; i < n; i++)
        add_dir(&m, old, sorted[i]);
    h.n_dirs = n;
    h.n_files = m.n_files;
    h.n_strings = m.strings.len;
    if (m.strings.len < UINT32_MAX)
        write_out(s, path, &m, &h);
    hal9_buf_free(&m.files);
    hal9_buf_free(&m.dirs);
    hal9_buf_free(&m.strings);
}
