/* Reading /proc. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum {
    PF_KTHREAD = 0x00200000, /* include/linux/sched.h; part of the ABI by /proc/PID/stat */
    STAT_MAX = 4096,
};

int hal9_procfs_open(pid_t pid) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return HAL9_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int hal9_procfs_read(int dir, const char *name, size_t max, struct hal9_buf *ret) {
    _cleanup_close_ int fd = HAL9_RETRY(openat(dir, name, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return -1;
    char chunk[4096];
    size_t total = 0;
    while (total < max) {
        size_t room = max - total < sizeof(chunk) ? max - total : sizeof(chunk);
        ssize_t n = HAL9_RETRY(read(fd, chunk, room));
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        hal9_buf_add(ret, chunk, (size_t)n);
        total += (size_t)n;
    }
    return 0;
}

char *hal9_procfs_link(int dir, const char *name) {
    char target[PATH_MAX + 16];
    ssize_t n = readlinkat(dir, name, target, sizeof(target));
    if (n < 0)
        return NULL;
    return hal9_strndup(target, (size_t)n);
}

/* proc_pid_stat(5): pid (comm) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime
 * cstime priority nice threads itrealvalue start ... */
bool hal9_stat_parse(const char *text, struct hal9_stat *ret) {
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')'); /* no field behind the name has one */
    if (!open || !close || close < open)
        return false;
    struct hal9_stat s = {0};
    size_t len = (size_t)(close - open - 1);
    if (len >= sizeof(s.comm))
        len = sizeof(s.comm) - 1;
    memcpy(s.comm, open + 1, len);
    s.comm[len] = '\0';
    int pid;
    int ppid;
    unsigned flags;
    unsigned long long start;
    if (sscanf(text, "%d", &pid) != 1 ||
        sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu",
               &s.state, &ppid, &flags, &s.threads, &start) != 5)
        return false;
    s.pid = pid;
    s.ppid = ppid;
    s.kernel = flags & PF_KTHREAD;
    s.start = start;
    *ret = s;
    return true;
}

int hal9_stat_read(int dir, struct hal9_stat *ret) {
    _cleanup_close_ int fd = HAL9_RETRY(openat(dir, "stat", O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return errno == ENOENT ? ESRCH : errno;
    char text[STAT_MAX];
    ssize_t n = HAL9_RETRY(read(fd, text, sizeof(text) - 1));
    if (n < 0)
        return errno;
    text[n] = '\0';
    if (n == 0)
        return ESRCH;
    return hal9_stat_parse(text, ret) ? 0 : EPROTO;
}

bool hal9_stat_gone(const struct hal9_stat *s) {
    return s->state == 'X' || (s->state == 'Z' && s->threads <= 1);
}

int hal9_procfs_each(int (*fn)(pid_t pid, void *data), void *data) {
    DIR *dir = opendir("/proc");
    if (!dir)
        return -1;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || *end || pid > INT_MAX)
            continue;
        if (fn((pid_t)pid, data) != 0)
            break;
    }
    closedir(dir);
    return 0;
}
