/* A place for a service that outlives the session or cron job that started it: a transient systemd scope, or a cgroup of its own. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/linux/socket-internal.h"

enum {
    BUS_TIMEOUT_MS = 10000,
    MOVE_TIMEOUT_MS = 5000,
    LOOK_AGAIN_MS = 10,
    DEPTH_MAX = 16,
    MOVE_TRIES = 5
};

/* What may stand in names of units and folders; the rest as \xHH (systemd-escape(1)). */
static char *escape(const char *name) {
    struct hal9_buf out = {0};
    for (const char *at = name; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '_' || *at == '-' || *at == ':' ||
                     (*at == '.' && at > name);
        if (plain)
            hal9_buf_putc(&out, *at);
        else
            hal9_buf_printf(&out, "\\x%02x", (unsigned char)*at);
    }
    return hal9_buf_take(&out);
}

static char *scope_name(const char *name) {
    _cleanup_free_ char *escaped = escape(name);
    return hal9_strf("hal9-%s.scope", escaped);
}

/* NULL when a scope can be had, else why not. */
static const char *why_no_scope(void) {
    if (access("/run/systemd/system", F_OK) != 0)
        return "this host doesn't run systemd";
    if (access("/usr/bin/busctl", X_OK) != 0 && access("/bin/busctl", X_OK) != 0)
        return "busctl is not installed";
    if (geteuid() == 0)
        return access("/run/dbus/system_bus_socket", F_OK) == 0 ? NULL
                                                                : "the system bus is not running";
    char bus[64];
    snprintf(bus, sizeof(bus), "/run/user/%lu/bus", (unsigned long)geteuid());
    return access(bus, F_OK) == 0
               ? NULL
               : "this user has no systemd manager running (loginctl enable-linger gives one)";
}

/* The same for a cgroup. */
static const char *why_no_cgroup(void) {
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    _cleanup_free_ char *procs = hal9_path_join(mount ? mount : "", "cgroup.procs");
    if (!mount)
        return "no cgroup2 tree is mounted";
    return access(mount, W_OK) == 0 && (access(procs, F_OK) != 0 || access(procs, W_OK) == 0)
               ? NULL
               : "this user may not write to the cgroup2 tree";
}

enum hal9_detach hal9_detach_available(char **ret_why) {
    const char *no_scope = why_no_scope();
    const char *no_cgroup = no_scope ? why_no_cgroup() : NULL;
    if (!no_scope)
        *ret_why = hal9_strdup("");
    else if (!no_cgroup)
        *ret_why = hal9_strf("no scope: %s", no_scope);
    else
        *ret_why = hal9_strf("no scope: %s; no cgroup: %s", no_scope, no_cgroup);
    return !no_scope ? HAL9_DETACH_SCOPE : !no_cgroup ? HAL9_DETACH_CGROUP : HAL9_DETACH_NONE;
}

static hal9_status write_pid(const char *dir, pid_t pid, struct hal9_error *err) {
    char text[16];
    int len = snprintf(text, sizeof(text), "%d\n", (int)pid);
    _cleanup_free_ char *procs = hal9_path_join(dir, "cgroup.procs");
    _cleanup_close_ int fd = HAL9_RETRY(hal9_sys_open(procs, O_WRONLY | O_CLOEXEC, 0));
    if (fd < 0 || HAL9_RETRY(hal9_sys_write(fd, text, (size_t)len)) < 0)
        return hal9_error_errno(err, errno, "cannot move process %d to cgroup %s", (int)pid, dir);
    return HAL9_OK;
}

/* Removes the places of services that have ended; the kernel refuses where a process lives. */
static void sweep(const char *mount) {
    _cleanup_free_ char *path = hal9_path_join(mount, "hal9ops");
    DIR *dir = opendir(path);
    if (!dir)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            hal9_sys_unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    closedir(dir);
}

static hal9_status move_to_cgroup(const char *name, pid_t pid, struct hal9_error *err) {
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    if (!mount)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED, "no cgroup2 tree is mounted");
    _cleanup_free_ char *escaped = escape(name);
    _cleanup_free_ char *dir = hal9_strf("%s/hal9ops/%s", mount, escaped);
    hal9_status status = HAL9_E_NOT_FOUND;
    /* another's sweep may take the folder away between the two */
    for (int i = 0; i < MOVE_TRIES && status == HAL9_E_NOT_FOUND; i++) {
        _cleanup_error_ struct hal9_error told = {0};
        status = hal9_dir_make(dir, 0755, &told);
        if (status == HAL9_OK)
            status = write_pid(dir, pid, &told);
        if (status != HAL9_OK && (status != HAL9_E_NOT_FOUND || i + 1 == MOVE_TRIES))
            hal9_error_move(err, &told);
    }
    if (status == HAL9_OK)
        sweep(mount);
    return status;
}

/* Where a scope's folder may be, below each cgroup tree: of the system's manager, of this user's. */
static void scope_dirs(const char *scope, struct hal9_strv *ret) {
    static const char *const mounts[] = {"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/elogind"};
    _cleanup_strv_ struct hal9_strv trees = {0};
    hal9_strv_take(&trees, hal9_cgroup_mount());
    for (size_t i = 0; i < HAL9_ARRAY_LEN(mounts);
         i++) /* a hybrid host: systemd's own tree is the one that has the units */
        hal9_strv_add(&trees, mounts[i]);
    unsigned long uid = geteuid();
    for (size_t i = 0; i < trees.n; i++) {
        if (uid == 0)
            hal9_strv_take(ret, hal9_strf("%s/system.slice/%s", trees.v[i], scope));
        else
            for (int app = 1; app >= 0; app--)
                hal9_strv_take(ret,
                               hal9_strf("%s/user.slice/user-%lu.slice/user@%lu.service/%s%s",
                                         trees.v[i], uid, uid, app ? "app.slice/" : "", scope));
    }
}

/* The last component of the process' cgroup path. */
static bool is_in(pid_t pid, const char *scope) {
    struct hal9_proc p;
    if (hal9_proc_read(pid, HAL9_PROC_CGROUP, &p, NULL) != HAL9_OK)
        return false;
    bool in = p.cgroup && strcmp(hal9_path_base(p.cgroup), scope) == 0;
    hal9_proc_clear(&p);
    return in;
}

/* The manager moves the process as a job of its own; cgroupfs has no event for it. */
static hal9_status await_scope(const char *scope, pid_t pid, struct hal9_error *err) {
    int64_t deadline = hal9_mono_ms() + MOVE_TIMEOUT_MS;
    while (!is_in(pid, scope)) {
        if (hal9_mono_ms() >= deadline)
            return hal9_error_set(err, HAL9_E_TIMEOUT,
                                  "systemd did not move process %d to %s within %d s", (int)pid,
                                  scope, MOVE_TIMEOUT_MS / 1000);
        hal9_wait_fd(-1, hal9_mono_ms() + LOOK_AGAIN_MS, -1, NULL);
    }
    return HAL9_OK;
}

static hal9_status start_scope(const char *scope, const char *name, pid_t pid,
                               struct hal9_error *err) {
    _cleanup_free_ char *number = hal9_strf("%d", (int)pid);
    _cleanup_free_ char *description = hal9_strf("%s (started by hal9ops)", name);
    const char *argv[] = {"busctl",
                          geteuid() == 0 ? "--system" : "--user",
                          "--quiet",
                          "call",
                          "org.freedesktop.systemd1",
                          "/org/freedesktop/systemd1",
                          "org.freedesktop.systemd1.Manager",
                          "StartTransientUnit",
                          "ssa(sv)a(sa(sv))",
                          scope,
                          "fail",
                          "3",
                          "PIDs",
                          "au",
                          "1",
                          number,
                          "Description",
                          "s",
                          description,
                          "CollectMode",
                          "s",
                          "inactive-or-failed", /* a failed one must not keep the name */
                          "0",
                          NULL};
    struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    hal9_status status = hal9_run(&s, BUS_TIMEOUT_MS, -1, 4096, &r, err);
    if (status != HAL9_OK)
        return status;
    if (r.exit == 0)
        return HAL9_OK;
    size_t len = r.err.len > 0 ? strcspn(r.err.data, "\n") : 0;
    return hal9_error_set(err, HAL9_E_FAILED, "systemd made no %s: %.*s", scope, (int)len,
                          r.err.len > 0 ? r.err.data : "");
}

static hal9_status move_to_scope(const char *name, pid_t pid, struct hal9_error *err) {
    _cleanup_free_ char *scope = scope_name(name);
    _cleanup_error_ struct hal9_error told = {0};
    if (start_scope(scope, name, pid, &told) == HAL9_OK)
        return await_scope(scope, pid, err);
    /* It is there already while processes of an earlier start live on in it: this one joins them. */
    _cleanup_strv_ struct hal9_strv dirs = {0};
    scope_dirs(scope, &dirs);
    for (size_t i = 0; i < dirs.n; i++)
        if (access(dirs.v[i], F_OK) == 0 && write_pid(dirs.v[i], pid, NULL) == HAL9_OK)
            return HAL9_OK;
    return hal9_error_move(err, &told);
}

hal9_status hal9_detach_move(enum hal9_detach how, const char *name, pid_t pid,
                             struct hal9_error *err) {
    if (how == HAL9_DETACH_SCOPE)
        return move_to_scope(name, pid, err);
    return how == HAL9_DETACH_CGROUP ? move_to_cgroup(name, pid, err) : HAL9_OK;
}

/* A list of pids that grows. */
struct pids {
    pid_t *v;
    size_t n, cap;
};

static void pids_clear(struct pids *p) {
    free(p->v);
}

/* The processes of a cgroup and of those below it. */
static int collect(const char *path, struct pids *found) {
    _cleanup_close_ int dir = HAL9_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir < 0)
        return errno == ENOENT ? 0 : -1;
    return hal9_cgroup_each(dir, DEPTH_MAX, &found->v, &found->n, &found->cap);
}

hal9_status hal9_detach_pids(const char *name, pid_t **ret, size_t *ret_n, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv dirs = {0};
    _cleanup_free_ char *scope = scope_name(name);
    _cleanup_free_ char *escaped = escape(name);
    _cleanup_free_ char *mount = hal9_cgroup_mount();
    if (mount)
        hal9_strv_take(&dirs, hal9_strf("%s/hal9ops/%s", mount, escaped));
    scope_dirs(scope, &dirs);
    _cleanup_(pids_clear) struct pids found = {0};
    for (size_t i = 0; i < dirs.n; i++)
        if (collect(dirs.v[i], &found) < 0)
            return hal9_error_errno(err, errno, "cannot list the processes of cgroup %s",
                                    dirs.v[i]);
    for (size_t i = 0; i < found.n; i++) {
        bool known = false;
        for (size_t k = 0; k < *ret_n && !known; k++)
            known = (*ret)[k] == found.v[i];
        if (known)
            continue;
        *ret = hal9_realloc_array(*ret, *ret_n + 1, sizeof(**ret));
        (*ret)[(*ret_n)++] = found.v[i];
    }
    return HAL9_OK;
}
