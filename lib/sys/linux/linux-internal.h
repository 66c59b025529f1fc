/* What the files of sys/linux/ share. */
#ifndef HAL9_SYS_LINUX_INTERNAL_H
#define HAL9_SYS_LINUX_INTERNAL_H

#include "sys/sys-internal.h"

/* ---- /proc ----------------------------------------------------------------------------------- */

/* Opens /proc/PID. What is read through it later is of this very process: once that has ended reads fail with ESRCH, even
 * when its pid is used again. -1 and errno (ENOENT: no such process, or hidden by hidepid). */
int hal9_procfs_open(pid_t pid);
/* Reads a file in it, at most max bytes. -1 and errno. */
int hal9_procfs_read(int dir, const char *name, size_t max, struct hal9_buf *ret);
/* Target of a symlink in it, fresh, or NULL and errno. */
char *hal9_procfs_link(int dir, const char *name);

/* Texts of the kernel's: each call moves *at behind what it took. Blanks before it are skipped. */
bool hal9_scan_number(const char **at, unsigned base,
                      uint64_t *ret);              /* false: no digit there, or too large */
void hal9_scan_words(const char **at, unsigned n); /* passes over n words */

/* What /proc/PID/stat says. */
struct hal9_stat {
    pid_t pid, ppid;
    char comm[64];
    char state;
    bool kernel; /* a kernel thread */
    long threads;
    uint64_t start;
};
/* Survives ')' and blanks and newlines in the name. */
bool hal9_stat_parse(const char *text, struct hal9_stat *ret);
/* 0, or an errno. */
int hal9_stat_read(int dir, struct hal9_stat *ret);
/* Nothing of it runs any more: it waits to be reaped. (A zombie leader whose threads run on is alive.) */
bool hal9_stat_gone(const struct hal9_stat *s);

/* What pids and start times count in, read once for many processes. */
struct hal9_proc_frame {
    uint64_t pidns;
    const char *boot_id;
    int64_t boot_ms; /* wall clock of the boot */
    long ticks;      /* clock ticks a second */
};
void hal9_proc_frame_read(struct hal9_proc_frame *ret);
struct hal9_proc_id hal9_proc_frame_id(const struct hal9_proc_frame *f, const struct hal9_stat *s);
/* Fills *ret from an open /proc/PID. 0, or an errno; ESRCH when it has ended. */
int hal9_proc_fill(int dir, const struct hal9_proc_frame *f, unsigned want, struct hal9_proc *ret);

/* Calls fn for the pids in /proc, ascending as the kernel lists them; a non-zero return ends it. -1 and errno. */
int hal9_procfs_each(int (*fn)(pid_t pid, void *data), void *data);

/* ---- cgroups ---------------------------------------------------------------------------------- */

/* The path of a process from the text of /proc/PID/cgroup: the "0::" line, on a hybrid host whose services are in the
 * name=systemd hierarchy that one. Fresh, or NULL. */
char *hal9_cgroup_of_text(const char *text);
/* Innermost *.service of a cgroup path, or NULL. Fresh. */
char *hal9_cgroup_unit(const char *path);
/* Id of the container that a cgroup path belongs to, or NULL. Fresh. */
char *hal9_cgroup_container(const char *path);

#endif
