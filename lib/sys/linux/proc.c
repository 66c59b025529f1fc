/* One process, from /proc/PID. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum { CMDLINE_MAX = 8 << 20, STATUS_MAX = 65536 };

static const char deleted_mark[] = " (deleted)";

void hal9_proc_frame_read(struct hal9_proc_frame *ret) {
    struct stat st;
    struct timespec real;
    struct timespec boot;
    ret->pidns = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
    ret->boot_id = hal9_host_boot_id();
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    ret->boot_ms =
        (int64_t)(real.tv_sec - boot.tv_sec) * 1000 + (real.tv_nsec - boot.tv_nsec) / 1000000;
    ret->ticks = sysconf(_SC_CLK_TCK);
}

struct hal9_proc_id hal9_proc_frame_id(const struct hal9_proc_frame *f, const struct hal9_stat *s) {
    struct hal9_proc_id id = {.pid = s->pid, .start = s->start, .pidns = f->pidns};
    snprintf(id.boot_id, sizeof(id.boot_id), "%s", f->boot_id);
    return id;
}

/* The second number, or -1. */
static unsigned effective(const char *at) {
    uint64_t value;
    hal9_scan_words(&at, 1);
    return hal9_scan_number(&at, 10, &value) ? (unsigned)value : (unsigned)-1;
}

/* "Uid:\treal\teffective\t..." The owner of /proc/PID won't do: it is root where the process isn't dumpable. */
static void fill_user(int dir, struct hal9_proc *p) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "status", STATUS_MAX, &text) < 0 || !text.data)
        return;
    const char *uid = strstr(text.data, "\nUid:");
    const char *gid = strstr(text.data, "\nGid:");
    p->uid = uid ? effective(uid + strlen("\nUid:")) : (uid_t)-1;
    p->gid = gid ? effective(gid + strlen("\nGid:")) : (gid_t)-1;
}

/* The kernel marks the path of a file that has been unlinked or replaced. A file may really be called so. */
static void fill_exe(int dir, struct hal9_proc *p) {
    p->exe = hal9_procfs_link(dir, "exe");
    if (!p->exe)
        return;
    struct stat st;
    bool known = fstatat(dir, "exe", &st, 0) == 0;
    if (known) {
        p->exe_dev = st.st_dev;
        p->exe_ino = st.st_ino;
    }
    struct stat there;
    if (!hal9_endswith(p->exe, deleted_mark) ||
        (known && stat(p->exe, &there) == 0 && there.st_dev == st.st_dev &&
         there.st_ino == st.st_ino))
        return;
    p->exe[strlen(p->exe) - strlen(deleted_mark)] = '\0';
    p->exe_deleted = true;
}

/* A process that shows a title in place of its arguments (setproctitle) leaves the rest of their room empty. */
static bool is_title(const struct hal9_strv *argv) {
    if (argv->n < 2 || !strchr(argv->v[0], ' '))
        return false;
    for (size_t i = 1; i < argv->n; i++)
        if (*argv->v[i])
            return false;
    return true;
}

static void fill_argv(int dir, struct hal9_proc *p) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "cmdline", CMDLINE_MAX, &text) < 0)
        return;
    for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
        hal9_strv_add(&p->argv, text.data + at);
    if (!p->argv.v || !is_title(&p->argv))
        return;
    struct hal9_strv title = {0};
    hal9_strv_add(&title, p->argv.v[0]);
    hal9_strv_free(&p->argv);
    p->argv = title;
}

static void fill_cgroup(int dir, struct hal9_proc *p) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(dir, "cgroup", STATUS_MAX, &text) < 0 || !text.data)
        return;
    p->cgroup = hal9_cgroup_of_text(text.data);
    if (!p->cgroup)
        return;
    p->unit = hal9_cgroup_unit(p->cgroup);
    p->container = hal9_cgroup_container(p->cgroup);
}

int hal9_proc_fill(int dir, const struct hal9_proc_frame *f, unsigned want, struct hal9_proc *ret) {
    struct hal9_stat s;
    int failed = hal9_stat_read(dir, &s);
    if (failed)
        return failed;
    if (hal9_stat_gone(&s))
        return ESRCH;
    struct hal9_proc p = {
        .ppid = s.ppid, .state = s.state, .kernel = s.kernel, .uid = (uid_t)-1, .gid = (gid_t)-1};
    p.id = hal9_proc_frame_id(f, &s);
    p.comm = hal9_strdup(s.comm);
    p.started_ms = f->boot_ms + (int64_t)(s.start * 1000 / (uint64_t)f->ticks);
    if (want & HAL9_PROC_USER)
        fill_user(dir, &p);
    if (want & HAL9_PROC_EXE)
        fill_exe(dir, &p);
    if (want & HAL9_PROC_ARGV)
        fill_argv(dir, &p);
    if (want & HAL9_PROC_CWD)
        p.cwd = hal9_procfs_link(dir, "cwd");
    if (want & HAL9_PROC_CGROUP)
        fill_cgroup(dir, &p);
    *ret = p;
    return 0;
}

hal9_status hal9_proc_read(pid_t pid, unsigned want, struct hal9_proc *ret,
                           struct hal9_error *err) {
    struct hal9_proc_frame frame;
    _cleanup_close_ int dir = hal9_procfs_open(pid);
    if (dir < 0 && errno == ENOENT) {
        /* hidepid: /proc says nothing, but the kernel knows it */
        if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
            return hal9_error_set(err, HAL9_E_PERM, "process %d is hidden from this user",
                                  (int)pid);
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "no process %d", (int)pid);
    }
    if (dir < 0)
        return hal9_error_errno(err, errno, "cannot look at process %d", (int)pid);
    hal9_proc_frame_read(&frame);
    int failed = hal9_proc_fill(dir, &frame, want, ret);
    if (failed == ESRCH)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "no process %d", (int)pid);
    if (failed)
        return hal9_error_errno(err, failed, "cannot look at process %d", (int)pid);
    return HAL9_OK;
}

/* A walk over all processes. */
struct walk {
    struct hal9_proc_frame frame;
    unsigned want;
    int (*fn)(const struct hal9_proc *p, void *data);
    void *data;
};

static int walk_one(pid_t pid, void *data) {
    struct walk *w = data;
    _cleanup_close_ int dir = hal9_procfs_open(pid);
    struct hal9_proc p;
    if (dir < 0 || hal9_proc_fill(dir, &w->frame, w->want, &p) != 0)
        return 0;
    int stop = w->fn(&p, w->data);
    hal9_proc_clear(&p);
    return stop;
}

hal9_status hal9_proc_each(unsigned want, int (*fn)(const struct hal9_proc *p, void *data),
                           void *data, struct hal9_error *err) {
    struct walk w = {.want = want, .fn = fn, .data = data};
    hal9_proc_frame_read(&w.frame);
    if (hal9_procfs_each(walk_one, &w) < 0)
        return hal9_error_errno(err, errno, "cannot list /proc");
    return HAL9_OK;
}

hal9_status hal9_platform_proc_id(pid_t pid, struct hal9_proc_id *ret, struct hal9_error *err) {
    struct hal9_stat s;
    _cleanup_close_ int dir = hal9_procfs_open(pid);
    int failed = dir < 0 ? errno : hal9_stat_read(dir, &s);
    if (failed)
        return hal9_error_errno(err, failed == ESRCH ? ENOENT : failed, "cannot look at process %d",
                                (int)pid);
    struct hal9_proc_frame frame;
    hal9_proc_frame_read(&frame);
    *ret = hal9_proc_frame_id(&frame, &s);
    return HAL9_OK;
}
