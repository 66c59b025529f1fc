/* Reading what stands in a state directory, which may be another user's: a note in a lock file can
 * name any. So only regular files are opened, none of them by a link, and none can make us wait. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

hal9_status hal9_store_open(const char *path, int *ret_fd, struct hal9_error *err) {
    const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    _cleanup_close_ int fd = HAL9_AGAIN(open(path, flags));
    struct stat st;
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode))
        return hal9_error_set(err, HAL9_E_CORRUPT, "%s is not a regular file", path);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

hal9_status hal9_store_read_fd(int fd, const char *path, size_t max, struct hal9_buf *ret,
                               struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf content = {0};
    char chunk[16384];
    for (;;) {
        ssize_t n = HAL9_AGAIN(pread(fd, chunk, sizeof(chunk), (off_t)content.len));
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        if ((size_t)n > max - content.len)
            return hal9_error_set(err, HAL9_E_LIMIT, "%s is larger than %zu bytes", path, max);
        hal9_buf_add(&content, chunk, (size_t)n);
    }
    *ret = content;
    content = (struct hal9_buf){0};
    return HAL9_OK;
}

hal9_status hal9_store_read(const char *path, size_t max, struct hal9_buf *ret,
                            struct hal9_error *err) {
    int fd;
    hal9_status status = hal9_store_open(path, &fd, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_close_ int own = fd;
    return hal9_store_read_fd(own, path, max, ret, err);
}
