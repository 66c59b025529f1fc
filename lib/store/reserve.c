/* Space kept ahead for the day when the disk is full: files that have their blocks, and empty folders. One of them takes the place of
 * a new one by a rename, which asks for none. Each user has his own: a blob of mode 0600 must belong to whoever writes it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

/* A rescue of a port and of its service takes five files: two journals, two blobs, a record; where no inode is left, two marks more. */
#define FILES 16
#define FOLDERS 4
#define FILE_SIZE ((off_t)HAL9_RESERVE_SIZE)

bool hal9_store_full(int errnum) {
    return errnum == ENOSPC || errnum == EDQUOT;
}

/* reserve/1000.f3; a hidden one is still being made. Fresh. */
static char *name_of(const struct hal9_state *s, const char *hidden, char what, int n) {
    return hal9_strf("%s/reserve/%s%u.%c%d", s->path, hidden, (unsigned)geteuid(), what, n);
}

/* Its space is had: by its blocks, or where those can't be told from its length (a file system that compresses). */
static bool is_file(const struct stat *st) {
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
           ((off_t)st->st_blocks * 512 >= FILE_SIZE || st->st_size >= FILE_SIZE);
}

static bool is_there(const struct hal9_state *s, char what, int n) {
    _cleanup_free_ char *path = name_of(s, "", what, n);
    struct stat st;
    return lstat(path, &st) == 0 && (what == 'd' ? S_ISDIR(st.st_mode) : is_file(&st));
}

/* Where space can't be asked for, it is written to. */
static bool fill(int fd) {
    static const char zeros[16384];
    if (HAL9_AGAIN(hal9_sys_fallocate(fd, 0, FILE_SIZE)) == 0)
        return true;
    if (hal9_store_full(errno))
        return false;
    for (off_t at = 0; at < FILE_SIZE; at += (off_t)sizeof(zeros))
        if (hal9_fd_write_all(fd, zeros, sizeof(zeros), NULL) != HAL9_OK)
            return false;
    return HAL9_AGAIN(hal9_sys_fdatasync(fd)) == 0;
}

static bool make_file(const struct hal9_state *s, int n) {
    _cleanup_free_ char *path = name_of(s, "", 'f', n);
    _cleanup_free_ char *temp = name_of(s, ".", 'f', n);
    hal9_sys_discard(temp); /* a killed run's: who makes them has the folder's lock */
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int fd = HAL9_AGAIN(hal9_sys_open(temp, flags, 0600));
    if (fd < 0)
        return false;
    if (hal9_sys_fchmod(fd, 0600) == 0 && fill(fd) && hal9_sys_rename(temp, path) == 0)
        return true;
    hal9_sys_discard(temp);
    return false;
}

static bool make_folder(const struct hal9_state *s, int n) {
    _cleanup_free_ char *path = name_of(s, "", 'd', n);
    return hal9_sys_mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool all_there(const struct hal9_state *s) {
    for (int n = 1; n <= FILES; n++)
        if (!is_there(s, 'f', n) || (n <= FOLDERS && !is_there(s, 'd', n)))
            return false;
    return true;
}

void hal9_state_reserve(struct hal9_state *s) {
    if (s->mode != HAL9_STATE_WRITE || all_there(s))
        return;
    _cleanup_free_ char *folder = hal9_state_sub(s, "reserve", NULL);
    if (hal9_dir_make(folder, hal9_state_dir_mode(s), NULL) != HAL9_OK)
        return;
    _cleanup_close_ int lock = HAL9_AGAIN(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock < 0 || HAL9_AGAIN(flock(lock, LOCK_EX | LOCK_NB)) < 0)
        return; /* another run makes them just now */
    bool made = true;
    for (int n = 1; made && n <= FOLDERS; n++)
        made = is_there(s, 'd', n) || make_folder(s, n);
    for (int n = 1; made && n <= FILES; n++)
        made = is_there(s, 'f', n) || make_file(s, n);
    if (!made)
        hal9_log(1, "cannot keep space ahead in %s: %s", folder, strerror(errno));
}

/* Told once: a person must make room, whatever else goes well. */
static void say_full(const struct hal9_state *s) {
    static bool told;
    int left = 0;
    if (told)
        return;
    told = true;
    for (int n = 1; n <= FILES; n++)
        left += is_there(s, 'f', n);
    hal9_log(
        0,
        "no space left for %s: the reserve kept for this is used (%d of %d files left); make room",
        s->path, left, FILES);
}

/* Opened and locked, so that nobody else takes it; or -1. */
static int open_one(const char *path) {
    const int flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    _cleanup_close_ int fd = HAL9_AGAIN(open(path, flags));
    struct stat st;
    if (fd < 0 || HAL9_AGAIN(flock(fd, LOCK_EX | LOCK_NB)) < 0 || fstat(fd, &st) < 0 ||
        !is_file(&st) || st.st_nlink != 1)
        return -1;
    return HAL9_TAKE_FD(fd);
}

int hal9_reserve_take(const struct hal9_state *s, const char *path, mode_t mode) {
    for (int n = s->foreign ? 0 : FILES; n >= 1; n--) {
        _cleanup_free_ char *from = name_of(s, "", 'f', n);
        _cleanup_close_ int fd = open_one(from);
        if (fd < 0 || hal9_sys_fchmod(fd, mode) < 0 || hal9_sys_rename(from, path) < 0)
            continue;
        say_full(s);
        return HAL9_TAKE_FD(fd);
    }
    errno = ENOSPC;
    return -1;
}

hal9_status hal9_store_folder(const struct hal9_state *s, const char *path,
                              struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    struct stat st;
    if (hal9_dir_make(path, hal9_state_dir_mode(s), &e) == HAL9_OK)
        return HAL9_OK;
    for (int n = FOLDERS; n >= 1 && hal9_store_full(e.errnum); n--) {
        _cleanup_free_ char *from = name_of(s, "", 'd', n);
        if (hal9_sys_rename(from, path) == 0 && hal9_sys_chmod(path, hal9_state_dir_mode(s)) == 0) {
            say_full(s);
            return HAL9_OK;
        }
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) /* somebody else made it meanwhile */
            return HAL9_OK;
    }
    return hal9_error_move(err, &e);
}

/* Over the blocks that it has, then cut: nothing is asked for. */
static hal9_status write_over(int fd, const void *data, size_t len, struct hal9_error *err) {
    hal9_status status = hal9_fd_write_all(fd, data, len, err);
    if (status != HAL9_OK)
        return status;
    if (hal9_sys_ftruncate(fd, (off_t)len) < 0 || HAL9_AGAIN(hal9_sys_fsync(fd)) < 0)
        return hal9_error_errno(err, errno, "cannot sync");
    return HAL9_OK;
}

hal9_status hal9_store_write(const struct hal9_state *s, const char *path, const void *data,
                             size_t len, mode_t mode, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    char id[HAL9_ID_LEN + 1];
    hal9_status status = hal9_file_write(path, data, len, mode, &e);
    if (status == HAL9_OK || !hal9_store_full(e.errnum))
        return status == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
    hal9_id_new(id);
    _cleanup_free_ char *folder = hal9_strndup(path, (size_t)(strrchr(path, '/') - path));
    _cleanup_free_ char *temp = hal9_strf("%s/.%s", folder, id);
    _cleanup_close_ int fd = hal9_reserve_take(s, temp, mode);
    if (fd < 0)
        return hal9_error_move(err, &e);
    status = write_over(fd, data, len, err);
    if (status == HAL9_OK && hal9_sys_rename(temp, path) < 0)
        status = hal9_error_errno(err, errno, "cannot replace %s", path);
    if (status != HAL9_OK) {
        hal9_error_prefix(err, "%s", path);
        hal9_sys_discard(temp);
        return status;
    }
    return hal9_dir_sync(folder, err);
}

hal9_status hal9_state_spare_file(struct hal9_state *s, const char *path, mode_t mode, int *ret_fd,
                                  struct hal9_error *err) {
    _cleanup_close_ int fd = hal9_reserve_take(s, path, mode);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || (st.st_size > 0 && hal9_sys_ftruncate(fd, 0) < 0))
        return hal9_error_errno(err, errno, "cannot make %s", path);
    flock(fd, LOCK_UN); /* it may be handed on to a process that lives long */
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}
