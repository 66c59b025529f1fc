/* Processes as values: copying, comparing; and the ones that are nobody's to kill. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

enum {
    ANCESTORS_MAX = 4096
}; /* more than any chain of parents; ends a walk that pids used again have bent to a ring */

void hal9_proc_clear(struct hal9_proc *p) {
    free(p->comm);
    free(p->exe);
    hal9_strv_free(&p->argv);
    free(p->cwd);
    free(p->cgroup);
    free(p->unit);
    free(p->container);
    *p = (struct hal9_proc){0};
}

void hal9_proc_copy(struct hal9_proc *to, const struct hal9_proc *from) {
    struct hal9_proc copy = *from;
    copy.comm = hal9_strdup(from->comm);
    copy.exe = hal9_strdup(from->exe);
    copy.argv = (struct hal9_strv){0};
    hal9_strv_copy(&copy.argv, &from->argv);
    copy.cwd = hal9_strdup(from->cwd);
    copy.cgroup = hal9_strdup(from->cgroup);
    copy.unit = hal9_strdup(from->unit);
    copy.container = hal9_strdup(from->container);
    *to = copy;
}

bool hal9_proc_id_equal(const struct hal9_proc_id *a, const struct hal9_proc_id *b) {
    return a->pid == b->pid && a->start == b->start && a->pidns == b->pidns &&
           strcmp(a->boot_id, b->boot_id) == 0;
}

/* 0 where it can't be told. */
static pid_t parent_of(pid_t pid) {
    struct hal9_proc p;
    if (hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL) != HAL9_OK)
        return 0;
    pid_t parent = p.ppid;
    hal9_proc_clear(&p);
    return parent;
}

bool hal9_proc_descends(pid_t pid, pid_t ancestor) {
    for (int n = 0; pid > 0 && n < ANCESTORS_MAX; n++) {
        pid = parent_of(pid);
        if (pid == ancestor)
            return pid > 0;
    }
    return false;
}

static bool is_one_of(const char *name, const char *const *list) {
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

const char *hal9_proc_untouchable(const struct hal9_proc *p) {
    static const char *const runtimes[] = {"containerd",   "conmon",       "conmonrs", "dockerd",
                                           "podman",       "crun",         "runc",     "crio",
                                           "rootlessport", "docker-proxy", NULL};
    static const char *const logins[] = {"sshd", "sshd-session", "sshd-auth", NULL};
    static const char *const managers[] = {"systemd", "systemd-logind", NULL};
    if (p->id.pid <= 1)
        return "it is PID 1";
    if (p->kernel)
        return "it is a kernel thread";
    if (p->id.pid == getpid())
        return "it is this very process";
    if (hal9_proc_descends(getpid(), p->id.pid))
        return "it is an ancestor of this process";
    const char *name = p->exe ? hal9_path_base(p->exe) : p->comm;
    if (!name)
        return NULL;
    if (is_one_of(name, runtimes) || hal9_startswith(name, "containerd-shim"))
        return "it is a container runtime";
    if (is_one_of(name, logins))
        return "it is the ssh server";
    if (is_one_of(name, managers))
        return "it is systemd";
    return NULL;
}

void hal9_proc_capture_clear(struct hal9_proc_capture *c) {
    free(c->exe);
    hal9_strv_free(&c->argv);
    hal9_strv_free(&c->env);
    free(c->cwd);
    free(c->groups);
    free(c->stdout_path);
    free(c->stderr_path);
    *c = (struct hal9_proc_capture){0};
}
