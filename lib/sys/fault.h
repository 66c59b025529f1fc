/* Every system call of the library that changes something passes here, so that tests can make the N-th of them fail.
 *
 * Only in builds with HAL9_TEST_HOOKS, by the environment variable HAL9OPS_FAULT:
 *     3:ENOSPC         the third point passed fails with ENOSPC; 3+:ENOSPC: and all that follow
 *     write:2:EIO      the second write fails; write:2+:EIO: and all later ones
 *     7:KILL           the process is killed (SIGKILL) before the seventh
 *     write:2:TORN     the second write puts half of its bytes into the file and the process is killed
 *     points:FILE      nothing fails; the name of each point passed is appended to FILE
 *     count:FILE       nothing fails; the number of points passed is written to FILE at exit
 * What changes nothing is called directly: opens that make no file, kill(pid, 0), reads. tests/cli/house/faults.awk sees to it.
 * The wrappers are as their system calls: -1 and errno. They don't retry on EINTR (HAL9_RETRY does) and may write short; see hal9_fd_write_all(). */
#ifndef HAL9_SYS_FAULT_H
#define HAL9_SYS_FAULT_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Repeats a system call that a signal has broken off. */
#define HAL9_RETRY(call)                          \
    __extension__({                               \
        __typeof__(call) retried_;                \
        do                                        \
            retried_ = (call);                    \
        while (retried_ == -1 && errno == EINTR); \
        retried_;                                 \
    })

#ifdef HAL9_TEST_HOOKS
/* Whether this point is to fail; errno is set then. */
bool hal9_fault(const char *point);
/* As hal9_fault("write"), but may first write a part of the data. */
bool hal9_fault_write(int fd, const void *data, size_t len);
/* Takes a specification as the environment variable has it and starts counting anew; NULL: none. For unit tests. */
void hal9_fault_setup(const char *spec);
/* Points passed since. */
unsigned hal9_fault_count(void);
#else
static inline bool hal9_fault(const char *point) {
    (void)point;
    return false;
}
static inline bool hal9_fault_write(int fd, const void *data, size_t len) {
    (void)fd, (void)data, (void)len;
    return false;
}
static inline void hal9_fault_setup(const char *spec) {
    (void)spec;
}
static inline unsigned hal9_fault_count(void) {
    return 0;
}
#endif

static inline ssize_t hal9_sys_write(int fd, const void *data, size_t len) {
    return hal9_fault_write(fd, data, len) ? -1 : write(fd, data, len);
}
static inline int hal9_sys_fsync(int fd) {
    return hal9_fault("fsync") ? -1 : fsync(fd);
}
static inline int hal9_sys_fdatasync(int fd) {
    return hal9_fault("fsync") ? -1 : fdatasync(fd);
}
static inline int hal9_sys_open(const char *path, int flags, mode_t mode) {
    return hal9_fault("open") ? -1 : open(path, flags, mode);
}
static inline int hal9_sys_openat(int dir, const char *path, int flags, mode_t mode) {
    return hal9_fault("open") ? -1 : openat(dir, path, flags, mode);
}
static inline int hal9_sys_rename(const char *from, const char *to) {
    return hal9_fault("rename") ? -1 : rename(from, to);
}
static inline int hal9_sys_renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return hal9_fault("rename") ? -1 : renameat(from_dir, from, to_dir, to);
}
static inline int hal9_sys_link(const char *from, const char *to) {
    return hal9_fault("link") ? -1 : link(from, to);
}
static inline int hal9_sys_symlink(const char *target, const char *path) {
    return hal9_fault("symlink") ? -1 : symlink(target, path);
}
static inline int hal9_sys_symlinkat(const char *target, int dir, const char *path) {
    return hal9_fault("symlink") ? -1 : symlinkat(target, dir, path);
}
static inline int hal9_sys_unlink(const char *path) {
    return hal9_fault("unlink") ? -1 : unlink(path);
}
static inline int hal9_sys_unlinkat(int dir, const char *path, int flags) {
    return hal9_fault("unlink") ? -1 : unlinkat(dir, path, flags);
}
static inline int hal9_sys_mkdir(const char *path, mode_t mode) {
    return hal9_fault("mkdir") ? -1 : mkdir(path, mode);
}
static inline int hal9_sys_mkdirat(int dir, const char *path, mode_t mode) {
    return hal9_fault("mkdir") ? -1 : mkdirat(dir, path, mode);
}
static inline int hal9_sys_linkat(int from_dir, const char *from, int to_dir, const char *to) {
    return hal9_fault("link") ? -1 : linkat(from_dir, from, to_dir, to, 0);
}
static inline int hal9_sys_mknodat(int dir, const char *path, mode_t mode, dev_t device) {
    return hal9_fault("mknod") ? -1 : mknodat(dir, path, mode, device);
}
static inline int hal9_sys_fsetxattr(int fd, const char *name, const void *value, size_t len) {
    return hal9_fault("xattr") ? -1 : fsetxattr(fd, name, value, len, 0);
}
static inline int hal9_sys_fremovexattr(int fd, const char *name) {
    return hal9_fault("xattr") ? -1 : fremovexattr(fd, name);
}
static inline int hal9_sys_rmdir(const char *path) {
    return hal9_fault("rmdir") ? -1 : rmdir(path);
}
static inline int hal9_sys_chmod(const char *path, mode_t mode) {
    return hal9_fault("chmod") ? -1 : chmod(path, mode);
}
static inline int hal9_sys_fchmod(int fd, mode_t mode) {
    return hal9_fault("chmod") ? -1 : fchmod(fd, mode);
}
static inline int hal9_sys_fchown(int fd, uid_t uid, gid_t gid) {
    return hal9_fault("chown") ? -1 : fchown(fd, uid, gid);
}
static inline int hal9_sys_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags) {
    return hal9_fault("chown") ? -1 : fchownat(dir, path, uid, gid, flags);
}
static inline int hal9_sys_futimens(int fd, const struct timespec times[2]) {
    return hal9_fault("utimens") ? -1 : futimens(fd, times);
}
static inline int hal9_sys_ftruncate(int fd, off_t len) {
    return hal9_fault("truncate") ? -1 : ftruncate(fd, len);
}
static inline int hal9_sys_flock(int fd, int operation) {
    return hal9_fault("flock") ? -1 : flock(fd, operation);
}
static inline pid_t hal9_sys_fork(void) {
    return hal9_fault("fork") ? -1 : fork();
}
static inline int hal9_sys_kill(pid_t pid, int sig) {
    return hal9_fault("signal") ? -1 : kill(pid, sig);
}
/* What cleans up after a failure is no point: a test that made something fail looks at what that leaves. */
static inline void hal9_sys_discard(const char *path) {
    unlink(path);
}
static inline void hal9_sys_discardat(int dir, const char *name) {
    unlinkat(dir, name, 0);
}
static inline bool hal9_sys_cut_back(int fd, off_t len) {
    return ftruncate(fd, len) == 0;
}
static inline void hal9_sys_end_child(pid_t pid) {
    kill(pid, SIGKILL); /* pid < 0: its group */
}
/* Reserves space for [offset, offset + len) without changing the file's length. EOPNOTSUPP where the file system can't. */
int hal9_sys_fallocate(int fd, off_t offset, off_t len);
/* Signals the process of a descriptor made by hal9_proc_open(). */
int hal9_sys_signal(int fd, int sig);

#endif
