/* One folder of a tree: its names, each of its files, and whether they are as the cache has them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "workload/tree.h"

/* ---- one entry ---- */

char wl_type_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return 'f';
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFIFO:
        return 'p';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    default:
        return 0; /* a socket is its server's, and can't be made again */
    }
}

static void set_meta(struct wl_file *f) {
    const struct stat *st = &f->st;
    f->meta.type = wl_type_of(st->st_mode);
    f->meta.mode = f->meta.type == 'l' ? 0777 : st->st_mode & 07777;
    f->meta.uid = st->st_uid;
    f->meta.gid = st->st_gid;
    if (f->meta.type == 'c' || f->meta.type == 'b')
        f->meta.size = st->st_rdev;
    if (f->meta.type != 'f')
        return;
    f->meta.size = (uint64_t)st->st_size;
    f->meta.mtime = st->st_mtim.tv_sec;
    f->meta.mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
}

/* Whether a later change must show in its times: they are older than the clock by which files get theirs can be off. Where there are no fractions of seconds,
 * the file system may have none. */
static bool old_enough(const struct stat *st, const struct timespec *now) {
    int64_t age_ms =
        (now->tv_sec - st->st_ctim.tv_sec) * 1000 + (now->tv_nsec - st->st_ctim.tv_nsec) / 1000000;
    return age_ms > (st->st_ctim.tv_nsec % 1000000 == 0 ? 2100 : 50);
}

static bool is_cached(const struct wl_file *f, const struct wl_cached_file *c) {
    const struct stat *st = &f->st;
    return (c->flags & WL_CACHED_TRUSTED) && c->dev == st->st_dev && c->ino == st->st_ino &&
           c->size == (uint64_t)st->st_size && c->mode == st->st_mode && c->uid == st->st_uid &&
           c->gid == st->st_gid && c->mtime == st->st_mtim.tv_sec &&
           c->mtime_ns == (uint32_t)st->st_mtim.tv_nsec && c->ctime == st->st_ctim.tv_sec &&
           c->ctime_ns == (uint32_t)st->st_ctim.tv_nsec;
}

static void take_cached(const struct wl_walk *w, struct wl_file *f,
                        const struct wl_cached_file *c) {
    f->cached = c;
    f->trusted = true;
    f->meta.sha = c->sha;
    f->meta.has_xattrs = c->flags & WL_CACHED_XATTRS;
    f->meta.xattrs = c->xattrs;
    if (c->link && S_ISLNK(c->mode)) /* the first name of a hard link may be another by now */
        f->meta.link = f->link = hal9_strdup(w->cache.strings + c->link);
}

static hal9_status read_link(struct wl_walk *w, int dir, const char *dir_path, struct wl_file *f,
                             struct hal9_error *err) {
    char text[4097];
    ssize_t n = readlinkat(dir, f->name, text, sizeof(text) - 1);
    _cleanup_free_ char *path = wl_walk_name(w, dir_path, f != &w->root ? f->name : "");
    if (n < 0 && errno == ENOENT) {
        f->gone = true;
        return HAL9_OK;
    }
    if (n < 0)
        return hal9_error_errno(err, errno, "cannot read the link %s", path);
    free(f->link);
    f->meta.link = f->link = hal9_strndup(text, (size_t)n);
    return HAL9_OK;
}

hal9_status wl_entry_read(struct wl_walk *w, int dir, const char *dir_path, struct wl_file *f,
                          const struct wl_cached_file *cached, const struct timespec *now,
                          uint8_t *buffer, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    set_meta(f);
    f->trusted = old_enough(&f->st, now);
    if (!f->meta.type) {
        f->gone = true;
        return HAL9_OK;
    }
    if (cached && is_cached(f, cached))
        take_cached(w, f, cached);
    else if (f->meta.type == 'f')
        st = wl_file_read(w, dir, dir_path, f, buffer, err);
    else if (f->meta.type == 'l')
        st = read_link(w, dir, dir_path, f, err);
    if (st == HAL9_OK && f->meta.type == 'f' && !f->cached && !f->gone) {
        struct hal9_sha content = f->meta.sha;
        set_meta(f); /* as it was when it was read */
        f->meta.sha = content;
        f->trusted = f->trusted && old_enough(&f->st, now);
    }
    return st;
}
/* ---- a folder ---- */

/* Opens it from the folder above all, and through no symlink. */
static int open_dir(const struct wl_walk *w, const char *path) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(w->folder, w->base, flags);
    while (fd >= 0 && *path) {
        char name[256];
        size_t len = strcspn(path, "/");
        if (len >= sizeof(name)) {
            close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        int next = openat(fd, name, flags);
        int e = errno;
        close(fd);
        errno = e;
        fd = next;
        path += len + (path[len] == '/');
    }
    return fd;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct wl_file *)a)->name, ((const struct wl_file *)b)->name);
}

static hal9_status read_names(struct wl_dir *d, DIR *stream, struct hal9_error *err) {
    struct hal9_buf names = {0};
    const struct dirent *e;
    while ((void)(errno = 0), (e = readdir(stream))) { /* NOLINT(concurrency-mt-unsafe) */
        const char *n = e->d_name;
        if (n[0] == '.' && (!n[1] || (n[1] == '.' && !n[2])))
            continue;
        hal9_buf_add(&names, n, strlen(n) + 1);
        d->n++;
    }
    int failed = errno;
    size_t n = d->n;
    char *at = d->names = hal9_buf_take(&names);
    d->files = hal9_alloc((n + 1) * sizeof(*d->files));
    for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
        d->files[i].name = at;
    qsort(d->files, n, sizeof(*d->files), by_name);
    return failed ? hal9_error_errno(err, failed, "cannot read the folder") : HAL9_OK;
}

/* The cached entries of a folder, in step with the names of now. */
struct in_step {
    const struct wl_walk *w;
    const struct wl_cached_file *at, *end;
};

static const struct wl_cached_file *step_to(struct in_step *s, const char *name) {
    while (s->at < s->end) {
        int order = strcmp(s->w->cache.strings + s->at->name, name);
        if (order > 0)
            return NULL;
        if (order == 0)
            return s->at++;
        s->at++;
    }
    return NULL;
}

/* Attributes of the folder itself; those that are known need no look. */
static hal9_status read_self(struct wl_walk *w, struct wl_dir *d, int fd, struct hal9_error *err) {
    return d->self->cached ? HAL9_OK : wl_file_xattrs(w, fd, d->self, err);
}

/* A folder in a folder: read later, unless it is another file system's or our own. */
static void enter(struct wl_walk *w, const struct wl_dir *d, struct wl_file *f) {
    if (wl_walk_left_out(w, &f->st))
        f->gone = true;
    else if (f->st.st_dev == w->root_dev)
        wl_walk_queue(w, f, *d->path ? hal9_strf("%s/%s", d->path, f->name) : hal9_strdup(f->name));
}

static hal9_status read_one(struct wl_walk *w, struct wl_dir *d, int fd, struct wl_file *f,
                            const struct wl_cached_file *cached, const struct timespec *now,
                            uint8_t *buffer, struct hal9_error *err) {
    if (fstatat(fd, f->name, &f->st, AT_SYMLINK_NOFOLLOW) < 0) {
        int e = errno;
        _cleanup_free_ char *path = wl_walk_name(w, d->path, f->name);
        f->gone = e == ENOENT;
        return f->gone ? HAL9_OK : hal9_error_errno(err, e, "cannot look at %s", path);
    }
    hal9_status st = wl_entry_read(w, fd, d->path, f, cached, now, buffer, err);
    if (st == HAL9_OK && f->meta.type == 'd' && !f->gone)
        enter(w, d, f);
    return st;
}

/* Whether what was found of a file lets the folder count as unchanged. A folder in it counts by its own listing, later. */
static bool is_unchanged(const struct wl_file *f, const struct wl_cached_file *cached) {
    if (f->meta.type == 'd')
        return cached && S_ISDIR(cached->mode) && (cached->mode & 07777) == f->meta.mode &&
               cached->uid == f->meta.uid && cached->gid == f->meta.gid;
    return f->cached != NULL;
}

static hal9_status read_files(struct wl_walk *w, struct wl_dir *d, int fd, uint8_t *buffer,
                              struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    struct in_step step = {.w = w};
    struct timespec now; /* before the first look: what changes since isn't trusted */
    size_t kept = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (d->cached) {
        step.at = w->cache.files + d->cached->first;
        step.end = step.at + d->cached->n;
    }
    d->unchanged = d->cached != NULL;
    for (size_t i = 0; st == HAL9_OK && i < d->n; i++) {
        struct wl_file *f = &d->files[i];
        const struct wl_cached_file *cached = f->twin = step_to(&step, f->name);
        st = read_one(w, d, fd, f, cached, &now, buffer, err);
        if (f->gone)
            continue;
        kept++;
        d->unchanged = d->unchanged && is_unchanged(f, cached);
        d->linked = d->linked || (f->meta.type == 'f' && f->st.st_nlink > 1);
    }
    d->unchanged = d->unchanged && !d->linked && kept == d->cached->n && !d->cached->linked;
    return st;
}

/* ---- a folder that is as the cache has it ---- */

/* One file by the name that the cache has; false: it isn't the same any more. */
static bool same_as_cached(struct wl_walk *w, struct wl_dir *d, int fd,
                           const struct wl_cached_file *c, const struct timespec *now) {
    const char *name = w->cache.strings + c->name;
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    struct wl_file f = {.name = name, .st = st, .twin = c};
    if (!S_ISDIR(st.st_mode)) {
        d->n_known++;
        d->known_bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
        return is_cached(&f, c) && (!S_ISREG(st.st_mode) || st.st_nlink == 1);
    }
    set_meta(&f);
    f.trusted = old_enough(&st, now);
    if (is_cached(&f, c))
        take_cached(w, &f, c);
    d->files[d->n++] = f;
    return is_unchanged(&f, c);
}

/* Where the folder itself has not changed since it was read, no name has come or gone: the files are looked at by the names of the cache. */
static bool read_by_cache(struct wl_walk *w, struct wl_dir *d, int fd) {
    const struct wl_cached_dir *c = d->cached;
    struct timespec now;
    if (!c || !d->self->cached || c->linked)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct wl_cached_file *files = w->cache.files + c->first;
    size_t folders = 0, i = 0;
    while (i < c->n)
        folders += S_ISDIR(files[i++].mode) ? 1 : 0;
    d->files = hal9_alloc((folders + 1) * sizeof(*d->files));
    for (i = 0; i < c->n && same_as_cached(w, d, fd, &files[i], &now);)
        i++;
    d->as_cached = d->unchanged = i == c->n;
    for (i = 0; d->as_cached && i < d->n; i++)
        enter(w, d, &d->files[i]);
    if (d->as_cached)
        return true;
    free(d->files);
    d->files = NULL;
    d->n = d->n_known = d->known_bytes = 0;
    return false;
}

hal9_status wl_dir_read(struct wl_walk *w, struct wl_dir *d, uint8_t *buffer,
                        struct hal9_error *err) {
    int fd = open_dir(w, d->path);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) && *d->path) {
        d->self->gone = true; /* it was removed, or replaced, since its folder was read */
        return HAL9_OK;
    }
    _cleanup_free_ char *path = wl_walk_name(w, d->path, "");
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open the folder %s", path);
    d->cached = wl_cache_dir(&w->cache, d->path);
    if (read_by_cache(w, d, fd)) {
        close(fd);
        return HAL9_OK;
    }
    DIR *stream = fdopendir(fd);
    hal9_status st = read_names(d, stream, err);
    if (st == HAL9_OK)
        st = read_self(w, d, fd, err);
    if (st == HAL9_OK)
        st = read_files(w, d, fd, buffer, err);
    else
        hal9_error_prefix(err, "%s", path);
    closedir(stream);
    return st;
}
