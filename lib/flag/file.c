/* A file of flags: read whole, locked against other hal9ops tools, and replaced so that the old or the new content stands there, never
 * half. Others write such files in place and at any moment: what they leave half-written for a moment is looked at again, and what they
 * change between our reading and our writing is never overwritten. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "flag/flag-internal.h"
#include "hal9ops/sys.h"
#include "sys/fault.h"

#define HALF_MS 600 /* how long a half-written file is looked at again */
#define AGAIN_MS 40
#define LOCK_MS 5000
#define MARK ".hal9-" /* in the names of temporary files */

void fl_file_clear(struct fl_file *f) {
    free(f->path);
    free(f->real);
    hal9_buf_free(&f->text);
    if (f->fd >= 0)
        close(f->fd); /* gives up the lock */
    *f = (struct fl_file)FL_FILE_INIT;
}

static hal9_status missing(const char *path, int errnum, struct hal9_error *err) {
    hal9_status st = hal9_error_errno(err, errnum, "cannot open %s", path);
    if (errnum == ENOENT)
        hal9_error_hint(err, "a file that isn't there means no flags at all to those who read it; "
                             "bring it back first");
    return st;
}

/* Opens what the path leads to. */
static hal9_status open_real(struct fl_file *f, int *ret_fd, struct hal9_error *err) {
    char real[PATH_MAX];
    if (!realpath(f->path, real))
        return missing(f->path, errno, err);
    _cleanup_close_ int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return missing(f->path, errno, err);
    if (fstat(fd, &f->st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", f->path);
    if (!S_ISREG(f->st.st_mode))
        return hal9_error_set(err, HAL9_E_USAGE, "%s is not a file", f->path);
    free(f->real);
    f->real = hal9_strdup(real);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

static hal9_status read_fd(const struct fl_file *f, int fd, struct hal9_buf *ret,
                           struct hal9_error *err) {
    char chunk[16384];
    hal9_buf_reset(ret);
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, chunk, sizeof(chunk), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read %s", f->path);
        if (n == 0)
            return HAL9_OK;
        hal9_buf_add(ret, chunk, (size_t)n);
        at += n;
        if (ret->len > FL_FILE_MAX)
            return hal9_error_set(err, HAL9_E_LIMIT, "%s is larger than 16 MiB", f->path);
    }
}

/* Whether the path still leads to the file that is open. */
static bool still_there(const struct fl_file *f) {
    struct stat st;
    return stat(f->path, &st) == 0 && st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino;
}

/* Waits for its turn; a file that was replaced meanwhile is opened anew. */
static hal9_status open_locked(struct fl_file *f, int cancel_fd, struct hal9_error *err) {
    const int64_t deadline = hal9_mono_ms() + LOCK_MS;
    for (;;) {
        _cleanup_close_ int fd = -1;
        hal9_status st = open_real(f, &fd, err);
        if (st != HAL9_OK)
            return st;
        if (hal9_sys_flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (still_there(f)) {
                f->fd = HAL9_TAKE_FD(fd);
                return HAL9_OK;
            }
            continue;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return hal9_error_errno(err, errno, "cannot lock %s", f->path);
        if (hal9_mono_ms() >= deadline)
            return hal9_error_set(err, HAL9_E_BUSY, "another tool keeps %s locked", f->path);
        st = hal9_wait_fd(-1, hal9_mono_ms() + AGAIN_MS, cancel_fd, err);
        if (st != HAL9_OK)
            return st;
    }
}

static hal9_status read_once(struct fl_file *f, fl_whole_fn whole, struct hal9_error *err) {
    _cleanup_close_ int fd = -1;
    hal9_status st = f->fd >= 0 ? HAL9_OK : open_real(f, &fd, err);
    if (st == HAL9_OK)
        st = read_fd(f, f->fd >= 0 ? f->fd : fd, &f->text, err);
    hal9_buf_add(&f->text, "", 0);
    if (st == HAL9_OK && f->text.len == 0) {
        hal9_error_set(err, HAL9_E_UNKNOWN, "%s is empty", f->path);
        hal9_error_hint(
            err, "an empty file means no flags at all to those who read it; bring it back first");
        st = HAL9_E_UNKNOWN;
    }
    return st == HAL9_OK && whole ? whole(f->path, &f->text, err) : st;
}

/* It may be better in a moment: somebody writes it. */
static bool half_written(hal9_status st) {
    return st == HAL9_E_UNKNOWN || st == HAL9_E_NOT_FOUND;
}

hal9_status fl_file_read(const char *path, bool lock, fl_whole_fn whole, int cancel_fd,
                         struct fl_file *ret, struct hal9_error *err) {
    const int64_t deadline = hal9_mono_ms() + HALF_MS;
    fl_file_clear(ret);
    ret->path = hal9_strdup(path);
    for (;;) {
        _cleanup_error_ struct hal9_error e = {0};
        hal9_status st = lock ? open_locked(ret, cancel_fd, &e) : HAL9_OK;
        if (st == HAL9_OK)
            st = read_once(ret, whole, &e);
        if (st == HAL9_OK || !half_written(st) || hal9_mono_ms() >= deadline)
            return st == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
        if (ret->fd >= 0) /* it may be replaced, not only written */
            close(HAL9_TAKE_FD(ret->fd));
        if (hal9_wait_fd(-1, hal9_mono_ms() + AGAIN_MS, cancel_fd, NULL) != HAL9_OK)
            return hal9_error_move(err, &e);
    }
}

/* ---- replacing */

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == path ? hal9_strdup("/") : hal9_strndup(path, (size_t)(slash - path));
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What killed runs have left beside the file: whoever made it had our lock. */
static void sweep(const struct fl_file *f, const char *dir) {
    _cleanup_free_ char *prefix = hal9_strf(".%.200s%s", base_of(f->real), MARK);
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (hal9_startswith(e->d_name, prefix) && hal9_id_valid(e->d_name + strlen(prefix)))
            hal9_sys_discardat(dirfd(d), e->d_name);
    closedir(d);
}

static hal9_status fill(const struct fl_file *f, int fd, const char *data, size_t len,
                        struct hal9_error *err) {
    struct stat st;
    hal9_status code = hal9_fd_write_all(fd, data, len, err);
    if (code != HAL9_OK) {
        hal9_error_prefix(err, "%s", f->path);
        return code;
    }
    if (fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at what is to replace %s", f->path);
    if ((st.st_uid != f->st.st_uid || st.st_gid != f->st.st_gid) &&
        hal9_sys_fchown(fd, f->st.st_uid, f->st.st_gid) < 0) {
        code = hal9_error_errno(err, errno, "cannot keep the owner of %s", f->path);
        hal9_error_hint(err, "run it as the file's owner, or as root");
        return code;
    }
    if (hal9_sys_fchmod(fd, f->st.st_mode & 07777) < 0)
        return hal9_error_errno(err, errno, "cannot keep the mode of %s", f->path);
    if (HAL9_RETRY(hal9_sys_fsync(fd)) < 0)
        return hal9_error_errno(err, errno, "cannot sync what is to replace %s", f->path);
    return HAL9_OK;
}

static hal9_status changed(const struct fl_file *f, struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_DRIFT, "somebody else changed %s at the same moment", f->path);
    hal9_error_hint(err, "nothing was written; look at it and run this again");
    return HAL9_E_DRIFT;
}

/* Right before the rename: the path leads to the same file, and its content is what was read. */
static hal9_status unchanged(const struct fl_file *f, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf now = {0};
    char real[PATH_MAX];
    if (!realpath(f->path, real) || strcmp(real, f->real) != 0 || !still_there(f))
        return changed(f, err);
    hal9_status st = read_fd(f, f->fd, &now, err);
    if (st == HAL9_OK &&
        (now.len != f->text.len || (now.len > 0 && memcmp(now.data, f->text.data, now.len) != 0)))
        return changed(f, err);
    return st;
}

static hal9_status put_in_place(const struct fl_file *f, const char *temp, struct hal9_error *err) {
    if (hal9_sys_rename(temp, f->real) == 0)
        return HAL9_OK;
    int errnum = errno;
    hal9_status st = hal9_error_errno(err, errnum, "cannot replace %s", f->path);
    if (errnum == EBUSY)
        hal9_error_hint(err, "it is a mount of its own (a container's bind mount of one file), "
                             "which can't be replaced as a whole; "
                             "change the file where it is mounted from, or mount its directory");
    return st;
}

static hal9_status one_name(const struct fl_file *f, struct hal9_error *err) {
    if (f->st.st_nlink <= 1)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED,
                   "%s has %lu names (hard links): the others would keep the old content", f->path,
                   (unsigned long)f->st.st_nlink);
    hal9_error_hint(err, "make the others symbolic links");
    return HAL9_E_REFUSED;
}

hal9_status fl_file_replace(const struct fl_file *f, const char *data, size_t len,
                            struct hal9_error *err) {
    char id[HAL9_ID_LEN + 1];
    hal9_id_new(id);
    _cleanup_free_ char *dir = directory_of(f->real);
    _cleanup_free_ char *name = hal9_strf(".%.200s%s%s", base_of(f->real), MARK, id);
    _cleanup_free_ char *temp = hal9_path_join(dir, name);
    hal9_status st = one_name(f, err);
    if (st != HAL9_OK)
        return st;
    sweep(f, dir);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int fd = HAL9_RETRY(hal9_sys_open(temp, flags, 0600));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make a file beside %s", f->path);
    st = fill(f, fd, data, len, err);
    if (st == HAL9_OK)
        st = unchanged(f, err);
    if (st == HAL9_OK)
        st = put_in_place(f, temp, err);
    if (st == HAL9_OK)
        return hal9_dir_sync(dir, err);
    hal9_sys_discard(temp);
    return st;
}
