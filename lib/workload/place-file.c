/* One file put in its place: made beside it, synced, renamed over it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "sys/fault.h"
#include "workload/restore.h"

char *wl_placer_name(const struct wl_placer *p, const char *path) {
    return *path ? hal9_strf("%s/%s", p->path, path) : hal9_strdup(p->path);
}

/* ---- attributes ---- */

/* One attribute out of the bytes; advances. */
static bool next_xattr(const uint8_t **at, size_t *left, char name[256], const void **ret_value,
                       size_t *ret_len) {
    uint32_t lengths[2];
    if (*left < sizeof(lengths))
        return false;
    memcpy(lengths, *at, sizeof(lengths));
    if (lengths[0] > 255 || *left - sizeof(lengths) < (size_t)lengths[0] + lengths[1])
        return false;
    memcpy(name, *at + sizeof(lengths), lengths[0]);
    name[lengths[0]] = '\0';
    *ret_value = *at + sizeof(lengths) + lengths[0];
    *ret_len = lengths[1];
    *at += sizeof(lengths) + lengths[0] + lengths[1];
    *left -= sizeof(lengths) + lengths[0] + lengths[1];
    return true;
}

static hal9_status wanted_xattrs(const struct wl_placer *p, const struct wl_meta *m,
                                 const void **ret, size_t *ret_len, struct hal9_error *err) {
    *ret = NULL;
    *ret_len = 0;
    return m->has_xattrs ? wl_store_view(p->store, &m->xattrs, ret, ret_len, err) : HAL9_OK;
}

/* Those that the new file has by where it was made (default lists of access), and shall not have. */
static hal9_status drop_others(int fd, const void *data, size_t len, const char *path,
                               struct hal9_error *err) {
    char list[65536];
    ssize_t n = flistxattr(fd, list, sizeof(list));
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1) {
        const uint8_t *at = data;
        size_t left = len, value_len;
        char name[256];
        const void *value;
        bool wanted = false;
        while (!wanted && next_xattr(&at, &left, name, &value, &value_len))
            wanted = strcmp(name, list + i) == 0;
        if (!wanted && strcmp(list + i, "security.selinux") != 0 &&
            hal9_sys_fremovexattr(fd, list + i) < 0)
            return hal9_error_errno(err, errno, "cannot take attribute %s from %s", list + i, path);
    }
    return HAL9_OK;
}

static hal9_status set_xattrs(const struct wl_placer *p, int fd, const struct wl_meta *m,
                              const char *path, struct hal9_error *err) {
    const void *data;
    size_t len, value_len;
    char name[256];
    const void *value;
    hal9_status st = wanted_xattrs(p, m, &data, &len, err);
    if (st == HAL9_OK)
        st = drop_others(fd, data, len, path, err);
    if (st != HAL9_OK)
        return st;
    const uint8_t *at = data;
    while (next_xattr(&at, &len, name, &value, &value_len))
        if (hal9_sys_fsetxattr(fd, name, value, value_len) < 0)
            return hal9_error_errno(err, errno, "cannot set attribute %s of %s", name, path);
    return HAL9_OK;
}

hal9_status wl_place_meta(const struct wl_placer *p, int fd, const struct wl_meta *m,
                          const char *path, struct hal9_error *err) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", path);
    if ((st.st_uid != m->uid || st.st_gid != m->gid) && hal9_sys_fchown(fd, m->uid, m->gid) < 0) {
        int e = errno;
        _cleanup_free_ char *user = hal9_user_name(m->uid);
        hal9_error_errno(err, e, "%s belongs to %s, and cannot be given to that user", path, user);
        hal9_error_hint(err, "run it as root");
        return e == EPERM ? HAL9_E_PERM : HAL9_E_IO;
    }
    if (hal9_sys_fchmod(fd, m->mode) < 0) /* after the owner: that takes set-user-id away */
        return hal9_error_errno(err, errno, "cannot set the mode of %s", path);
    return set_xattrs(p, fd, m, path, err);
}

/* ---- making it ---- */

static hal9_status fill(const struct wl_placer *p, int fd, const struct wl_meta *m,
                        const char *path, struct hal9_error *err) {
    const struct timespec times[2] = {{0, UTIME_OMIT}, {m->mtime, m->mtime_ns}};
    const void *data;
    size_t len;
    hal9_status st = wl_store_view(p->store, &m->sha, &data, &len, err);
    if (st == HAL9_OK) {
        st = hal9_fd_write_all(fd, data, len, err);
        if (st != HAL9_OK)
            hal9_error_prefix(err, "%s", path);
    }
    if (st == HAL9_OK)
        st = wl_place_meta(p, fd, m, path, err);
    if (st == HAL9_OK && hal9_sys_futimens(fd, times) < 0)
        st = hal9_error_errno(err, errno, "cannot set the time of %s", path);
    if (st == HAL9_OK && HAL9_RETRY(hal9_sys_fsync(fd)) < 0)
        st = hal9_error_errno(err, errno, "cannot sync %s", path);
    return st;
}

static hal9_status make_regular(const struct wl_placer *p, int dir, const char *temp,
                                const struct wl_meta *m, const char *path, struct hal9_error *err) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd = HAL9_RETRY(hal9_sys_openat(dir, temp, flags, 0600));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make a file beside %s", path);
    return fill(p, fd, m, path, err);
}

static hal9_status set_owner(int dir, const char *temp, const struct wl_meta *m, const char *path,
                             struct hal9_error *err) {
    struct stat st;
    if (fstatat(dir, temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", path);
    if ((st.st_uid != m->uid || st.st_gid != m->gid) &&
        hal9_sys_fchownat(dir, temp, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return hal9_error_errno(err, errno, "cannot set the owner of %s", path);
    return HAL9_OK;
}

static hal9_status make_special(int dir, const char *temp, const struct wl_meta *m,
                                const char *path, struct hal9_error *err) {
    const mode_t type = m->type == 'p' ? S_IFIFO : m->type == 'c' ? S_IFCHR : S_IFBLK;
    if (hal9_sys_mknodat(dir, temp, type | 0600, (dev_t)m->size) < 0)
        return hal9_error_errno(err, errno, "cannot make %s", path);
    hal9_status st = set_owner(dir, temp, m, path, err);
    /* a name that was made a moment ago by this process: not a symlink */
    if (st == HAL9_OK && (hal9_fault("chmod") || fchmodat(dir, temp, m->mode, 0) < 0))
        st = hal9_error_errno(err, errno, "cannot set the mode of %s", path);
    return st;
}

static hal9_status make_temp(struct wl_placer *p, int dir, const char *temp,
                             const struct wl_meta *m, const char *path, struct hal9_error *err) {
    int from_dir;
    const char *from;
    if (m->type == 'f' && !m->link)
        return make_regular(p, dir, temp, m, path, err);
    if (m->type == 'l') {
        if (hal9_sys_symlinkat(m->link, dir, temp) < 0)
            return hal9_error_errno(err, errno, "cannot make the symlink %s", path);
        return set_owner(dir, temp, m, path, err);
    }
    if (m->type != 'f')
        return make_special(dir, temp, m, path, err);
    /* another name of one that stands in its place by now; its folder may be another */
    _cleanup_close_ int here = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    if (here < 0)
        return hal9_error_errno(err, errno, "cannot open the folder of %s", path);
    hal9_status st = wl_placer_parent(p, m->link, &from_dir, &from, err);
    if (st == HAL9_OK && hal9_sys_linkat(from_dir, from, here, temp) < 0)
        st = hal9_error_errno(err, errno, "cannot make %s another name of %s", path, m->link);
    return st;
}

/* ---- putting it there ---- */

static hal9_status changed(const struct wl_placer *p, const char *path, struct hal9_error *err) {
    _cleanup_free_ char *whole = wl_placer_name(p, path);
    hal9_error_set(err, HAL9_E_DRIFT, "%s was changed by somebody else just now", whole);
    hal9_error_hint(err, "look at it; --force=drift overwrites it");
    return HAL9_E_DRIFT;
}

hal9_status wl_place_check(const struct wl_placer *p, int dir, const char *name,
                           const struct wl_task *t, struct hal9_error *err) {
    struct stat st;
    bool there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (p->forced)
        return HAL9_OK;
    if (!there)
        return t->is_there ? changed(p, t->path, err) : HAL9_OK;
    if (!t->is_there)
        return changed(p, t->path, err);
    const struct wl_meta *m = &t->now;
    const mode_t type = st.st_mode & S_IFMT;
    bool same = m->type == 'f' ? type == S_IFREG && (uint64_t)st.st_size == m->size &&
                                     st.st_mtim.tv_sec == m->mtime &&
                                     (uint32_t)st.st_mtim.tv_nsec == m->mtime_ns
                : m->type == 'd' ? type == S_IFDIR
                : m->type == 'l' ? type == S_IFLNK
                                 : type != S_IFREG && type != S_IFDIR && type != S_IFLNK;
    return same ? HAL9_OK : changed(p, t->path, err);
}

hal9_status wl_place_file(struct wl_placer *p, const struct wl_task *t, struct hal9_error *err) {
    _cleanup_free_ char *path = wl_placer_name(p, t->path);
    _cleanup_free_ char *temp = wl_temp_name(t->path);
    int dir;
    const char *name;
    hal9_status st = wl_placer_parent(p, t->path, &dir, &name, err);
    if (st == HAL9_OK && hal9_sys_unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
        st = hal9_error_errno(err, errno, "cannot make a file beside %s", path);
    if (st != HAL9_OK)
        return st;
    st = make_temp(p, dir, temp, &t->wanted, path, err);
    /* the folder of a hard link's first name may have been opened in its place */
    hal9_status again = wl_placer_parent(p, t->path, &dir, &name, st == HAL9_OK ? err : NULL);
    st = st == HAL9_OK ? again : st;
    if (again != HAL9_OK)
        return st;
    if (st == HAL9_OK && (!t->is_there || t->now.type != 'd'))
        st = wl_place_check(p, dir, name, t, err);
    if (st == HAL9_OK && hal9_sys_renameat(dir, temp, dir, name) < 0)
        st = hal9_error_errno(err, errno, "cannot replace %s", path);
    hal9_sys_discardat(dir,
                       temp); /* after an error; or two names of one file, which rename leaves */
    return st;
}
