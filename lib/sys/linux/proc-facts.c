/* What /proc tells of a process, for people who look at it later. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum { FACT_MAX = 65536, FDS_MAX = 100000 };

static void add_file(int dir, const char *name, struct hal9_buf *ret) {
    _cleanup_buf_ struct hal9_buf text = {0};

    hal9_buf_printf(ret, "== %s\n", name);
    if (hal9_procfs_read(dir, name, FACT_MAX, &text) < 0)
        hal9_buf_printf(ret, "(%s)\n", strerror(errno));
    else if (text.len > 0)
        hal9_buf_add(ret, text.data, text.len);
    if (ret->data[ret->len - 1] != '\n')
        hal9_buf_putc(ret, '\n');
}

/* "socket:[1]", "pipe:[2]", "anon_inode:[eventpoll]", "/path" */
static const char *sort_of(const char *target) {
    static const char *const sorts[] = {"socket", "pipe", "anon_inode"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts); i++)
        if (hal9_startswith(target, sorts[i]))
            return sorts[i];
    return hal9_startswith(target, "/dev/") ? "device" : target[0] == '/' ? "file" : "other";
}

static void add_fds(int dir, struct hal9_buf *ret) {
    static const char *const sorts[] = {"socket", "pipe", "anon_inode", "device", "file", "other"};
    size_t counts[HAL9_ARRAY_LEN(sorts)] = {0}, all = 0;
    const int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    hal9_buf_puts(ret, "== descriptors\n");
    if (!d) {
        hal9_buf_printf(ret, "(%s)\n", strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    while (all < FDS_MAX && (entry = readdir(d))) {
        char target[64] = "";

        if (entry->d_name[0] == '.')
            continue;
        if (readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1) < 0)
            target[0] = '\0';
        all++;
        for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts); i++)
            counts[i] += strcmp(sorts[i], sort_of(target)) == 0;
    }
    closedir(d);
    hal9_buf_printf(ret, "%zu open\n", all);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts); i++)
        if (counts[i] > 0)
            hal9_buf_printf(ret, "%zu %s\n", counts[i], sorts[i]);
}

hal9_status hal9_proc_facts(const struct hal9_proc_id *id, struct hal9_buf *ret,
                            struct hal9_error *err) {
    static const char *const files[] = {"status", "limits", "cgroup",        "wchan",
                                        "io",     "stat",   "oom_score_adj", "sched"};
    _cleanup_close_ int dir = hal9_procfs_open(id->pid);
    struct hal9_stat st;

    if (dir < 0 || hal9_stat_read(dir, &st) != 0 || (id->start && st.start != id->start))
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "process %d has ended", (int)id->pid);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(files); i++)
        add_file(dir, files[i], ret);
    add_fds(dir, ret);
    return HAL9_OK;
}
