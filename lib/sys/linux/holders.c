/* Which processes hold a socket. The kernel doesn't tell; /proc/PID/fd does, process by process, so the likely ones come first: those with
 * an expected name in the socket's cgroup, the others there when they are few, those with such a name anywhere, the many of a large cgroup,
 * those of the socket's user, then the rest. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/holder-search.h"

enum {
    COMM_LEN = 15,
    UIDS_MAX = 16,
    FEW =
        64, /* processes of a cgroup: a name is read in a tenth of the time that descriptors take */
};

/* ---- who is likely */

/* data: names, the last one NULL. */
static bool has_name(pid_t pid, const void *data) {
    char path[32];
    char comm[COMM_LEN + 2];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : HAL9_RETRY(read(fd, comm, sizeof(comm) - 1));
    if (n <= 0)
        return false;
    comm[n] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    for (const char *const *name = data; *name; name++)
        if (strncmp(hal9_path_base(*name), comm, COMM_LEN) == 0)
            return true;
    return false;
}

struct uids {
    uid_t v[UIDS_MAX];
    size_t n;
};

/* The users whose sockets are still without a holder. */
static struct uids wanted_uids(const struct hal9_search *s) {
    struct uids u = {.n = 0};
    for (size_t i = 0; i < s->wanted->n && u.n < UIDS_MAX; i++) {
        size_t known = 0;
        while (known < u.n && u.v[known] != s->wanted->v[i].uid)
            known++;
        if (!s->first[i].turn && known == u.n)
            u.v[u.n++] = s->wanted->v[i].uid;
    }
    return u;
}

/* The owner of /proc/PID is good enough: this is only about the order. */
static bool has_uid(pid_t pid, const void *data) {
    const struct uids *uids = data;
    char path[32];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st) < 0)
        return false;
    for (size_t i = 0; i < uids->n; i++)
        if (uids->v[i] == st.st_uid)
            return true;
    return false;
}

/* ---- the order of the search */

static void look_at_named(struct hal9_search *s, const struct hal9_pids *pids,
                          const char *const *names) {
    struct hal9_search_filter named = {has_name, names, .rare = true};
    if (names && *names)
        hal9_search_look(s, pids, &named);
}

static int by_pid(const void *a, const void *b) {
    return *(const pid_t *)a < *(const pid_t *)b ? -1 : *(const pid_t *)a > *(const pid_t *)b;
}

/* The cgroup that made each socket; not the root's, where all may be. What is in large ones is added to *many. */
static void look_in_cgroups(struct hal9_search *s, const char *const *names,
                            struct hal9_pids *many) {
    _cleanup_free_ char *mount = NULL;
    uint64_t last = 0;
    for (size_t i = 0; i < s->wanted->n && !hal9_search_done(s); i++) {
        uint64_t id = s->wanted->v[i].cgroup_id;
        if (id <= 1 || id == last || s->first[i].turn)
            continue;
        last = id;
        if (!mount)
            mount = hal9_cgroup_mount();
        _cleanup_close_ int dir = mount ? hal9_cgroup_open(mount, id) : -1;
        _cleanup_(hal9_pids_clear) struct hal9_pids there = {0};
        if (dir < 0 || hal9_cgroup_pids(dir, &there.v, &there.n, &there.cap) < 0)
            continue;
        qsort(there.v, there.n, sizeof(*there.v), by_pid); /* as in /proc: parents come first */
        look_at_named(s, &there, names);
        if (there.n <= FEW)
            hal9_search_look(s, &there, NULL);
        for (size_t p = 0; there.n > FEW && p < there.n; p++)
            *HAL9_APPEND(many->v, many->n, many->cap) = there.v[p];
    }
}

static int add_pid(pid_t pid, void *data) {
    struct hal9_pids *p = data;
    *HAL9_APPEND(p->v, p->n, p->cap) = pid;
    return 0;
}

static int look_for_first(struct hal9_search *s, const char *const *names) {
    _cleanup_(hal9_pids_clear) struct hal9_pids many = {0};
    _cleanup_(hal9_pids_clear) struct hal9_pids all = {0};
    s->in_cgroup = true;
    look_in_cgroups(s, names, &many);
    s->in_cgroup = false;
    if (hal9_search_done(s))
        return 0;
    if (hal9_procfs_each(add_pid, &all) < 0)
        return errno;
    look_at_named(s, &all, names);
    s->in_cgroup = true;
    hal9_search_look(s, &many, NULL);
    s->in_cgroup = false;
    if (!hal9_search_done(s)) {
        struct uids uids = wanted_uids(s);
        struct hal9_search_filter theirs = {has_uid, &uids, .rare = false};
        hal9_search_look(s, &all, &theirs);
    }
    hal9_search_look(s, &all, NULL);
    return 0;
}

/* Where all are looked at anyhow, the order is of no use. */
static int look_for_all(struct hal9_search *s) {
    _cleanup_(hal9_pids_clear) struct hal9_pids all = {0};
    if (hal9_procfs_each(add_pid, &all) < 0)
        return errno;
    hal9_search_look(s, &all, NULL);
    return 0;
}

/* ---- what was found */

/* Sockets are shared by fork: whether the process has children, or a parent of the same program. */
static bool has_kin(const struct hal9_proc *p) {
    char path[64];
    _cleanup_buf_ struct hal9_buf children = {0};
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)p->id.pid, (int)p->id.pid);
    if (hal9_procfs_read(AT_FDCWD, path, 64, &children) < 0 || children.len > 0)
        return true; /* a kernel that doesn't tell: possible */
    struct hal9_proc parent;
    if (p->ppid <= 1 || hal9_proc_read(p->ppid, HAL9_PROC_STAT, &parent, NULL) != HAL9_OK)
        return false;
    bool same = hal9_streq(parent.comm, p->comm);
    hal9_proc_clear(&parent);
    return same;
}

static bool any_has_kin(const struct hal9_holders *h, size_t from) {
    pid_t last = 0;
    for (size_t i = from; i < h->n; last = h->v[i++].proc.id.pid)
        if (h->v[i].proc.id.pid != last && has_kin(&h->v[i].proc))
            return true;
    return false;
}

static int by_listener(const void *va, const void *vb) {
    const struct hal9_holder *a = va;
    const struct hal9_holder *b = vb;
    if (a->listener != b->listener)
        return a->listener < b->listener ? -1 : 1;
    if (a->proc.id.start != b->proc.id.start)
        return a->proc.id.start < b->proc.id.start ? -1 : 1;
    if (a->proc.id.pid != b->proc.id.pid)
        return a->proc.id.pid < b->proc.id.pid ? -1 : 1;
    return a->fd < b->fd ? -1 : a->fd > b->fd;
}

/* Sorts what was appended from `from` on; of a descriptor's duplicates the lowest number is kept. */
static void sort_unique(struct hal9_holders *h, size_t from) {
    size_t kept = from;
    qsort(h->v + from, h->n - from, sizeof(*h->v), by_listener);
    for (size_t i = from; i < h->n; i++) {
        const struct hal9_holder *last = kept > from ? &h->v[kept - 1] : NULL;
        if (last && last->listener == h->v[i].listener && last->proc.id.pid == h->v[i].proc.id.pid)
            hal9_proc_clear(&h->v[i].proc);
        else
            h->v[kept++] = h->v[i];
    }
    h->n = kept;
}

/* Whether /proc doesn't even list others' processes (hidepid). */
static bool others_are_invisible(void) {
    return geteuid() != 0 && access("/proc/1", F_OK) != 0;
}

hal9_status hal9_sock_holders(const struct hal9_listeners *l, enum hal9_holders_depth depth,
                              const char *const *names_first, struct hal9_holders *ret,
                              struct hal9_error *err) {
    size_t from = ret->n;
    _cleanup_(hal9_search_clear) struct hal9_search s;
    hal9_search_start(&s, l, depth, ret);
    if (atomic_load(&s.without) == 0)
        return HAL9_OK;
    int failed = depth == HAL9_HOLDERS_FIRST ? look_for_first(&s, names_first) : look_for_all(&s);
    if (failed)
        return hal9_error_errno(err, failed, "cannot list /proc");
    if (atomic_load(&s.without) > 0 && (atomic_load(&s.refused) || others_are_invisible()))
        ret->hidden = true;
    if (ret->n == from)
        return HAL9_OK;
    sort_unique(ret, from);
    if (depth == HAL9_HOLDERS_FIRST && (s.elsewhere || any_has_kin(ret, from)))
        ret->maybe_shared = true;
    return HAL9_OK;
}

void hal9_holders_clear(struct hal9_holders *h) {
    for (size_t i = 0; i < h->n; i++)
        hal9_proc_clear(&h->v[i].proc);
    free(h->v);
    *h = (struct hal9_holders){0};
}
