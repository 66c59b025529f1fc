/* Files that may be lost: caches. Never half, but not synced. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

hal9_status hal9_cache_write(const char *path, const struct iovec *pieces, size_t n,
                             struct hal9_error *err) {
    _cleanup_free_ char *temp = hal9_strf("%s.new.%d", path, (int)getpid());
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int fd = HAL9_AGAIN(hal9_sys_open(temp, flags, 0600));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make %s", temp);
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < n; i++)
        st = hal9_fd_write_all(fd, pieces[i].iov_base, pieces[i].iov_len, err);
    if (st == HAL9_OK && hal9_sys_rename(temp, path) < 0)
        st = hal9_error_errno(err, errno, "cannot replace %s", path);
    if (st != HAL9_OK)
        hal9_sys_discard(temp);
    return st;
}
