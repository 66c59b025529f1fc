/* Sockets among a process' descriptors. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum {
    LIST_MAX = 32768,
    LINK_MAX_LEN = 64
}; /* of a socket's link: "socket:[18446744073709551615]" */

/* The inode of a descriptor's link, 0 when it is no socket (or closed meanwhile); *ret_refused: this user may not look. */
static uint64_t socket_inode(int fds, const char *name, bool *ret_refused) {
    static const char prefix[] = "socket:[";
    char target[LINK_MAX_LEN];
    ssize_t n = readlinkat(fds, name, target, sizeof(target) - 1);
    *ret_refused = n < 0 && (errno == EACCES || errno == EPERM);
    if (n < (ssize_t)sizeof(prefix))
        return 0;
    target[n] = '\0';
    return strncmp(target, prefix, sizeof(prefix) - 1) == 0
               ? strtoull(target + sizeof(prefix) - 1, NULL, 10)
               : 0;
}

int hal9_fds_each(int dir, int (*hit)(int fd, uint64_t inode, void *data), void *data) {
    _cleanup_close_ int fds = HAL9_RETRY(openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fds < 0)
        return errno == ENOENT ? ESRCH : errno;
    _Alignas(struct dirent64) char list[LIST_MAX];
    for (;;) {
        ssize_t n = getdents64(fds, list, sizeof(list));
        if (n <= 0)
            return n < 0 ? (errno == ENOENT ? ESRCH : errno) : 0;
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(list + at);
            at += entry->d_reclen;
            if (entry->d_name[0] == '.')
                continue;
            bool refused;
            uint64_t inode = socket_inode(fds, entry->d_name, &refused);
            if (refused)
                return EACCES;
            if (inode && hit((int)strtol(entry->d_name, NULL, 10), inode, data) != 0)
                return 0;
        }
    }
}

struct one {
    uint64_t inode;
    bool found;
};

static int is_one(int fd, uint64_t inode, void *data) {
    (void)fd;
    struct one *one = data;
    one->found = inode == one->inode;
    return one->found;
}

hal9_status hal9_sock_held_by(pid_t pid, uint64_t inode, bool *ret, struct hal9_error *err) {
    struct one one = {.inode = inode};
    _cleanup_close_ int dir = hal9_procfs_open(pid);
    int failed = dir < 0 ? errno : hal9_fds_each(dir, is_one, &one);
    if (failed == ENOENT || failed == ESRCH)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "no process %d", (int)pid);
    if (failed)
        return hal9_error_errno(err, failed, "cannot look at the descriptors of process %d",
                                (int)pid);
    *ret = one.found;
    return HAL9_OK;
}
