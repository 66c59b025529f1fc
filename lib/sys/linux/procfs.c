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

static unsigned digit_of(char c) {
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 99;
}

bool hal9_scan_number(const char **at, unsigned base, uint64_t *ret) {
    const char *p = *at + strspn(*at, " \t");
    if (digit_of(*p) >= base)
        return false;
    uint64_t value = 0;
    for (; digit_of(*p) < base; p++)
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit_of(*p), &value))
            return false;
    *at = p;
    *ret = value;
    return true;
}

void hal9_scan_words(const char **at, unsigned n) {
    for (; n > 0; n--) {
        *at += strspn(*at, " \t");
        *at += strcspn(*at, " \t\n");
    }
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
    const char *at = text;
    uint64_t numbers[5]; /* pid, parent, flags, threads, start */
    if (!hal9_scan_number(&at, 10, &numbers[0]))
        return false;
    at = close + 1;
    at += strspn(at, " ");
    s.state = *at;
    hal9_scan_words(&at, 1);
    static const unsigned between[] = {0, 4, 10, 1}; /* words before each of the others */
    for (size_t i = 0; i < HAL9_ARRAY_LEN(between); i++) {
        hal9_scan_words(&at, between[i]);
        if (!hal9_scan_number(&at, 10, &numbers[i + 1]))
            return false;
    }
    s.pid = (pid_t)numbers[0];
    s.ppid = (pid_t)numbers[1];
    s.kernel = numbers[2] & PF_KTHREAD;
    s.threads = (long)numbers[3];
    s.start = numbers[4];
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
