/* From a cgroup's id, which the kernel tells of each socket, to the processes in it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum {
    MOUNTINFO_MAX = 8 << 20,
    PROCS_MAX = 8 << 20,
    FILEID_KERNFS_TYPE = 0xfe, /* include/linux/exportfs.h: handle of kernfs, the 64-bit id */
    TREE_MAX =
        20000, /* directories looked at before the search is given up: walking processes is as quick then */
};

/* Undoes the \040 of mountinfo. */
static char *unescape(const char *text, size_t len) {
    struct hal9_buf path = {0};
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && i + 3 < len) {
            hal9_buf_putc(&path, (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                        (text[i + 3] - '0')));
            i += 3;
        } else {
            hal9_buf_putc(&path, text[i]);
        }
    }
    return hal9_buf_take(&path);
}

char *hal9_cgroup_mount_of_text(const char *text) {
    /* id parent major:minor root mount-point options [optional...] - type source options */
    for (const char *line = text; line && *line;) {
        const char *end = strchr(line, '\n');
        const char *type = strstr(line, " - cgroup2 ");
        if (type && (!end || type < end)) {
            const char *field = line;
            for (int i = 0; i < 4 && field; i++)
                field = strchr(field, ' ') ? strchr(field, ' ') + 1 : NULL;
            return field ? unescape(field, strcspn(field, " ")) : NULL;
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

char *hal9_cgroup_mount(void) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text) < 0 || !text.data)
        return NULL;
    return hal9_cgroup_mount_of_text(text.data);
}

/* By handle: at once, but only for root. */
static int open_by_id(int mount, uint64_t id) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + sizeof(uint64_t)];
    } h;
    memset(&h, 0, sizeof(h));
    h.handle.handle_bytes = sizeof(id);
    h.handle.handle_type = FILEID_KERNFS_TYPE;
    memcpy(h.room + sizeof(struct file_handle), &id, sizeof(id));
    return open_by_handle_at(mount, &h.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The directory's inode is the cgroup's id. Takes dir; -1 where it isn't below. */
static int search_tree(int dir, uint64_t id, unsigned *budget) {
    DIR *list = fdopendir(dir);
    if (!list) {
        close(dir);
        return -1;
    }
    int found = -1;
    struct dirent *entry;
    while (found < 0 && *budget > 0 && (entry = readdir(list))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        --*budget;
        int sub = openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sub < 0)
            continue;
        found = entry->d_ino == id ? sub : search_tree(sub, id, budget);
    }
    closedir(list);
    return found;
}

int hal9_cgroup_open(const char *mount, uint64_t id) {
    _cleanup_close_ int root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int found = open_by_id(root, id);
    if (found >= 0 || errno == ESTALE)
        return found;
    unsigned budget = TREE_MAX;
    found = search_tree(HAL9_TAKE_FD(root), id, &budget);
    if (found < 0)
        errno = ENOENT;
    return found;
}

int hal9_cgroup_pids(int dir, pid_t **pids, size_t *n, size_t *cap) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "cgroup.procs", PROCS_MAX, &text) < 0)
        return -1;
    for (char *at = text.data; at && *at;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        if (pid > 0) /* 0: of another pid namespace */
            *HAL9_APPEND(*pids, *n, *cap) = (pid_t)pid;
        at = end;
    }
    return 0;
}

int hal9_cgroup_each(int dir, int depth, pid_t **pids, size_t *n, size_t *cap) {
    if (hal9_cgroup_pids(dir, pids, n, cap) < 0 && errno != EOPNOTSUPP && errno != ENODEV &&
        errno != ENOENT)
        return -1; /* EOPNOTSUPP: a threaded cgroup; ENODEV, ENOENT: removed meanwhile */
    int copy = depth > 0 ? fcntl(dir, F_DUPFD_CLOEXEC, 3) : -1;
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    if (!list)
        return depth > 0 ? -1 : 0;
    int failed = 0;
    struct dirent *entry;
    while (failed == 0 && (entry = readdir(list))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        _cleanup_close_ int sub = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sub >= 0)
            failed = hal9_cgroup_each(sub, depth - 1, pids, n, cap);
    }
    closedir(list);
    return failed;
}
