/* All that is needed to start a process again as it was. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum { ENVIRON_MAX = 8 << 20, STATUS_MAX = 65536 };

static hal9_status hidden(const struct hal9_proc_id *id, const char *what, int failed,
                          struct hal9_error *err) {
    return hal9_error_errno(err, failed, "cannot read the %s of process %d", what, (int)id->pid);
}

/* "Umask:\t0022" and "Groups:\t4 20 27 \n" */
static int capture_status(int dir, struct hal9_proc_capture *c) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "status", STATUS_MAX, &text) < 0)
        return errno;
    const char *umask_line = text.data ? strstr(text.data, "\nUmask:") : NULL;
    const char *groups_line = text.data ? strstr(text.data, "\nGroups:") : NULL;
    if (!groups_line)
        return EPROTO;
    uint64_t mask = 022;
    if (umask_line) {
        umask_line += strlen("\nUmask:");
        hal9_scan_number(&umask_line, 8, &mask);
    }
    c->umask = (mode_t)mask;
    size_t cap = 0;
    const char *at = groups_line + strlen("\nGroups:");
    uint64_t gid;
    while (hal9_scan_number(&at, 10, &gid))
        *HAL9_APPEND(c->groups, c->n_groups, cap) = (gid_t)gid;
    return 0;
}

static int capture_environ(int dir, struct hal9_proc_capture *c) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "environ", ENVIRON_MAX, &text) < 0)
        return errno;
    for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
        if (text.data[at])
            hal9_strv_add(&c->env, text.data + at);
    return 0;
}

static bool scan_limit(const char **at, rlim_t *ret) {
    static const char none[] = "unlimited";
    uint64_t value;
    *at += strspn(*at, " ");
    if (hal9_startswith(*at, none)) {
        *at += strlen(none);
        *ret = RLIM_INFINITY;
        return true;
    }
    if (!hal9_scan_number(at, 10, &value))
        return false;
    *ret = value;
    return true;
}

/* "Max open files            1024                 4096                 files": a line for each RLIMIT_*, in the order of their numbers.
 * (prlimit(2) would take more than the rights to read /proc.) */
static int capture_limits(int dir, struct hal9_proc_capture *c) {
    enum { NAME_WIDTH = 25 };
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "limits", STATUS_MAX, &text) < 0)
        return errno;
    const char *line = text.data ? strchr(text.data, '\n') : NULL; /* behind the heading */
    for (; line && line[1] && c->n_limits < HAL9_ARRAY_LEN(c->limits);
         line = strchr(line + 1, '\n')) {
        struct rlimit *limit = &c->limits[c->n_limits];
        const char *at = line + 1 + NAME_WIDTH;
        if (strlen(line) <= NAME_WIDTH || !scan_limit(&at, &limit->rlim_cur) ||
            !scan_limit(&at, &limit->rlim_max))
            return EPROTO;
        c->n_limits++;
    }
    return c->n_limits > 0 ? 0 : EPROTO;
}

/* A regular file that still has its name, or /dev/null; NULL for pipes, sockets and terminals. */
static char *capture_output(int dir, const char *fd) {
    struct stat st;
    if (fstatat(dir, fd, &st, 0) < 0)
        return NULL;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
        return hal9_strdup("/dev/null");
    if (!S_ISREG(st.st_mode))
        return NULL;
    char *path = hal9_procfs_link(dir, fd);
    struct stat there;
    if (path && stat(path, &there) == 0 && there.st_dev == st.st_dev && there.st_ino == st.st_ino)
        return path;
    free(path);
    return NULL;
}

/* One string with blanks and nothing behind it: the process shows a title where its arguments were. */
static bool shows_title(const struct hal9_strv *argv, const char *exe) {
    return argv->n == 1 && strchr(argv->v[0], ' ') && strcmp(argv->v[0], exe) != 0 &&
           access(argv->v[0], F_OK) != 0;
}

static hal9_status capture_rest(int dir, const struct hal9_proc_id *id, struct hal9_proc_capture *c,
                                struct hal9_error *err) {
    int failed = capture_environ(dir, c);
    if (failed)
        return hidden(id, "environment", failed, err);
    failed = capture_status(dir, c);
    if (failed)
        return hidden(id, "groups", failed, err);
    failed = capture_limits(dir, c);
    if (failed)
        return hidden(id, "resource limits", failed, err);
    c->stdout_path = capture_output(dir, "fd/1");
    c->stderr_path = capture_output(dir, "fd/2");
    return HAL9_OK;
}

hal9_status hal9_proc_capture(const struct hal9_proc_id *id, struct hal9_proc_capture *ret,
                              struct hal9_error *err) {
    enum hal9_alive alive = hal9_proc_alive(id);
    if (alive == HAL9_GONE)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "process %d has ended", (int)id->pid);
    if (alive == HAL9_HIDDEN)
        return hidden(id, "state", EACCES, err);
    struct hal9_proc_frame frame;
    hal9_proc_frame_read(&frame);
    struct hal9_proc p = {0};
    _cleanup_close_ int dir = hal9_procfs_open(id->pid);
    int failed = dir < 0 ? errno : hal9_proc_fill(dir, &frame, HAL9_PROC_ALL, &p);
    if (failed == ENOENT || failed == ESRCH ||
        (failed == 0 && id->start && p.id.start != id->start)) {
        hal9_proc_clear(&p);
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "process %d has ended", (int)id->pid);
    }
    if (failed || !p.exe || !p.cwd) {
        hal9_proc_clear(&p);
        return hidden(id, "executable and directory", failed ? failed : EACCES, err);
    }
    struct hal9_proc_capture c = {.uid = p.uid, .gid = p.gid, .argv = p.argv};
    c.exe = HAL9_TAKE_PTR(p.exe);
    c.cwd = HAL9_TAKE_PTR(p.cwd);
    p.argv = (struct hal9_strv){0};
    hal9_proc_clear(&p);
    c.shows_title = shows_title(&c.argv, c.exe);
    hal9_status status = capture_rest(dir, id, &c, err);
    if (status != HAL9_OK)
        hal9_proc_capture_clear(&c);
    else
        *ret = c;
    return status;
}
