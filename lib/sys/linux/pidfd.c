/* Processes held by descriptor, so that a pid that is used again is never taken for them: pidfd_open(2). */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/linux/linux-internal.h"

static int pidfd_open_(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int hal9_platform_child_fd(pid_t pid) {
    return pidfd_open_(pid);
}

int hal9_sys_signal(int fd, int sig) {
    return hal9_fault("signal") ? -1 : (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static bool has_ended(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return HAL9_RETRY(poll(&p, 1, 0)) > 0;
}

/* Another boot or pid namespace: its pid means nothing here. */
static bool foreign(const struct hal9_proc_id *id) {
    struct hal9_proc_frame here;
    hal9_proc_frame_read(&here);
    return (id->boot_id[0] && here.boot_id[0] && strcmp(id->boot_id, here.boot_id) != 0) ||
           (id->pidns && here.pidns && id->pidns != here.pidns);
}

enum hal9_alive hal9_proc_alive(const struct hal9_proc_id *id) {
    if (foreign(id))
        return HAL9_HIDDEN;
    if (id->pid <= 0)
        return HAL9_GONE;
    _cleanup_close_ int dir = hal9_procfs_open(id->pid);
    struct hal9_stat s = {0};
    int failed = dir < 0 ? errno : hal9_stat_read(dir, &s);
    if (failed == ENOENT && (kill(id->pid, 0) == 0 || errno == EPERM))
        return HAL9_HIDDEN;
    if (failed == ENOENT || failed == ESRCH)
        return HAL9_GONE;
    if (failed)
        return HAL9_HIDDEN;
    return hal9_stat_gone(&s) || (id->start && s.start != id->start) ? HAL9_GONE : HAL9_ALIVE;
}

/* Its memory goes first, and the link to its program with it. */
bool hal9_proc_ending(const struct hal9_proc_id *id) {
    char link[1];
    _cleanup_close_ int dir = foreign(id) || id->pid <= 0 ? -1 : hal9_procfs_open(id->pid);
    return dir >= 0 && readlinkat(dir, "exe", link, sizeof(link)) < 0 && errno == ENOENT;
}

static hal9_status gone(const struct hal9_proc_id *id, struct hal9_error *err) {
    return hal9_error_set(err, HAL9_E_NOT_FOUND, "process %d has ended", (int)id->pid);
}

hal9_status hal9_proc_open(const struct hal9_proc_id *id, int *ret_fd, struct hal9_error *err) {
    if (id->pid <= 0)
        return gone(id, err);
    _cleanup_close_ int fd = pidfd_open_(id->pid);
    if (fd < 0 && errno == ENOSYS)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "this kernel has no pidfd_open; it needs Linux 5.3");
    /* EINVAL: the number is a thread's now */
    if (fd < 0 && errno != ESRCH && errno != EINVAL)
        return hal9_error_errno(err, errno, "cannot open process %d", (int)id->pid);
    /* If the pid is still the wanted process after the descriptor was opened, the descriptor is its. */
    enum hal9_alive alive = fd < 0 ? HAL9_GONE : hal9_proc_alive(id);
    if (alive == HAL9_HIDDEN)
        return hal9_error_set(
            err, HAL9_E_PERM, "process %d can't be told from another one with its pid: %s",
            (int)id->pid,
            foreign(id) ? "it is of another boot or pid namespace" : "/proc hides it");
    if (alive == HAL9_GONE || has_ended(fd))
        return gone(id, err);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

hal9_status hal9_proc_signal(int fd, const struct hal9_proc_id *id, int sig,
                             struct hal9_error *err) {
    if (has_ended(fd))
        return gone(id, err);
    if (hal9_sys_signal(fd, sig) == 0)
        return HAL9_OK;
    if (errno == ESRCH)
        return gone(id, err);
    return hal9_error_errno(err, errno, "cannot send signal %d to process %d", sig, (int)id->pid);
}
