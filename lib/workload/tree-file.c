/* One file of a tree, read: its bytes and extended attributes, again while it changes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "workload/tree.h"

enum { TRIES = 3 };

char *wl_walk_name(const struct wl_walk *w, const char *dir, const char *name) {
    const char *slash = *dir ? "/" : "";
    return *name ? hal9_strf("%s%s%s/%s", w->path, slash, dir, name)
                 : hal9_strf("%s%s%s", w->path, slash, dir);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "name length, value length, name, value" of one attribute. */
static hal9_status add_xattr(int fd, const char *name, struct hal9_buf *to,
                             struct hal9_error *err) {
    char value[65536]; /* XATTR_SIZE_MAX */
    ssize_t n = fgetxattr(fd, name, value, sizeof(value));
    if (n < 0 && (errno == ENODATA || errno == ENOTSUP))
        return HAL9_OK;
    if (n < 0)
        return hal9_error_errno(err, errno, "cannot read attribute %s", name);
    uint32_t lengths[2] = {(uint32_t)strlen(name), (uint32_t)n};
    hal9_buf_add(to, lengths, sizeof(lengths));
    hal9_buf_add(to, name, lengths[0]);
    hal9_buf_add(to, value, (size_t)n);
    return HAL9_OK;
}

hal9_status wl_file_xattrs(struct wl_walk *w, int fd, struct wl_file *f, struct hal9_error *err) {
    char list[65536]; /* XATTR_LIST_MAX */
    const char *names[4096];
    size_t n_names = 0;
    f->meta.has_xattrs = false;
    memset(&f->meta.xattrs, 0, sizeof(f->meta.xattrs));
    ssize_t len = flistxattr(fd, list, sizeof(list));
    if (len < 0 && errno != ENOTSUP && errno != ENOSYS)
        return hal9_error_errno(err, errno, "cannot list its attributes");
    for (ssize_t at = 0; at < len && n_names < HAL9_ARRAY_LEN(names);
         at += (ssize_t)strlen(list + at) + 1)
        names[n_names++] = list + at;
    if (n_names == 0)
        return HAL9_OK;
    _cleanup_buf_ struct hal9_buf all = {0};
    hal9_status st = HAL9_OK;
    qsort(names, n_names, sizeof(*names), by_name);
    for (size_t i = 0; st == HAL9_OK && i < n_names; i++)
        st = add_xattr(fd, names[i], &all, err);
    if (st == HAL9_OK && all.len > 0)
        st = wl_store_put(w->store, all.data, all.len, true, &f->meta.xattrs, err);
    f->meta.has_xattrs = st == HAL9_OK && all.len > 0;
    return st;
}

/* All of a small one, in one read: that asks for a byte more than there is, so a short answer is the end. More than its size when it has grown. */
static ssize_t read_small(int fd, uint8_t *buffer, size_t size) {
    ssize_t n;
    do
        n = read(fd, buffer, size + 1);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Without keeping it. */
static hal9_status hash_fd(int fd, uint8_t *buffer, struct hal9_sha *ret, uint64_t *ret_len,
                           struct hal9_error *err) {
    struct hal9_sha256 h;
    hal9_sha256_start(&h);
    for (*ret_len = 0;;) {
        ssize_t n = read(fd, buffer, WL_READ_BUFFER);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read");
        if (n == 0)
            break;
        hal9_sha256_add(&h, buffer, (size_t)n);
        *ret_len += (uint64_t)n;
    }
    hal9_sha256_end(&h, ret->b);
    return HAL9_OK;
}

static hal9_status read_content(struct wl_walk *w, int fd, struct wl_file *f, uint8_t *buffer,
                                struct hal9_error *err) {
    const size_t size = (size_t)f->st.st_size;
    uint64_t len = 0;
    hal9_status st;
    if (size < WL_READ_BUFFER) {
        ssize_t n = read_small(fd, buffer, size);
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read");
        f->meta.size = (uint64_t)n;
        return wl_store_put(w->store, buffer, (size_t)n, false, &f->meta.sha, err);
    }
    st = w->store->w ? hal9_pack_put_fd(w->store->w, fd, &f->meta.sha, &len, err)
                     : hash_fd(fd, buffer, &f->meta.sha, &len, err);
    f->meta.size = len;
    return st;
}

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* One try; *ret_same: it was the same before and after, which is when it counts. */
static hal9_status try_read(struct wl_walk *w, int fd, struct wl_file *f, uint8_t *buffer,
                            bool *ret_same, struct hal9_error *err) {
    struct stat after;
    hal9_status st = read_content(w, fd, f, buffer, err);
    if (st == HAL9_OK)
        st = wl_file_xattrs(w, fd, f, err);
    if (st != HAL9_OK)
        return st;
    if (fstat(fd, &after) < 0)
        return hal9_error_errno(err, errno, "cannot look at it");
    *ret_same = same(&f->st, &after) && f->meta.size == (uint64_t)after.st_size;
    f->st = after;
    return HAL9_OK;
}

/* Puts the file's whole path before what is wrong with it. */
static hal9_status of_file(const struct wl_walk *w, const char *dir_path, const struct wl_file *f,
                           hal9_status st, struct hal9_error *err) {
    _cleanup_free_ char *path = wl_walk_name(w, dir_path, f != &w->root ? f->name : "");
    if (st != HAL9_OK)
        hal9_error_prefix(err, "%s", path);
    return st;
}

hal9_status wl_file_read(struct wl_walk *w, int dir, const char *dir_path, struct wl_file *f,
                         uint8_t *buffer, struct hal9_error *err) {
    bool unchanged = false;
    for (int i = 0; i < TRIES && !unchanged; i++) {
        _cleanup_close_ int fd =
            openat(dir, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) {
            f->gone = true;
            return HAL9_OK;
        }
        if (fd < 0 || (i > 0 && fstat(fd, &f->st) < 0))
            return of_file(w, dir_path, f, hal9_error_errno(err, errno, "cannot read it"), err);
        if (!S_ISREG(f->st.st_mode))
            break;
        hal9_status st = try_read(w, fd, f, buffer, &unchanged, err);
        if (st != HAL9_OK)
            return of_file(w, dir_path, f, st, err);
    }
    if (unchanged)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_UNKNOWN, "it changes while it is read");
    hal9_error_hint(err, "stop what writes to it, or leave it out");
    return of_file(w, dir_path, f, HAL9_E_UNKNOWN, err);
}
