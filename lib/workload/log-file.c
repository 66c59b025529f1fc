/* The file that a started process writes to: services/NAME/out.log in the state directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/fault.h"
#include "workload/workload-internal.h"

#define ROTATE_ABOVE ((off_t)10 << 20)

static int open_append(const char *path, mode_t mode) {
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd;
    do
        fd = hal9_sys_open(path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* O_NONBLOCK was for the open alone (a FIFO in its place must not hang it). */
static int as_log(int fd, struct stat *ret) {
    if (fstat(fd, ret) < 0)
        return -1;
    if (!S_ISREG(ret->st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return fcntl(fd, F_SETFL, O_APPEND);
}

hal9_status wl_log_open(struct hal9_state *state, const char *name, int *ret_fd, char **ret_path,
                        uint64_t *ret_offset, struct hal9_error *err) {
    _cleanup_free_ char *dir = NULL;
    struct stat st;
    hal9_status status = hal9_state_service_dir(state, name, &dir, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_free_ char *path = hal9_path_join(dir, "out.log");
    _cleanup_free_ char *old = hal9_path_join(dir, "out.log.1");
    /* a state directory for several users is one of a group, by its set-group-id bit */
    mode_t mode = stat(dir, &st) == 0 && st.st_mode & S_ISGID ? 0660 : 0600;
    if (lstat(path, &st) == 0 && st.st_size > ROTATE_ABOVE && hal9_sys_rename(path, old) < 0)
        return hal9_error_errno(err, errno, "cannot rename %s to out.log.1", path);
    _cleanup_close_ int fd = open_append(path, mode);
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT)) {
        status = hal9_state_spare_file(state, path, mode, &fd, err);
        if (status != HAL9_OK)
            return status;
    }
    if (fd < 0 || as_log(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot open %s", path);
    if (st.st_uid == geteuid() && (st.st_mode & 07777) != mode && hal9_sys_fchmod(fd, mode) < 0)
        return hal9_error_errno(err, errno, "cannot set the mode of %s", path);
    *ret_offset = (uint64_t)st.st_size;
    *ret_path = HAL9_TAKE_PTR(path);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}
