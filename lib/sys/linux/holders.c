/* Which processes hold a socket. The kernel doesn't tell; /proc/PID/fd does, process by process, so the likely ones come first: those in
 * the socket's cgroup, those with an expected name, those of its user, then the rest. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum { COMM_LEN = 15, UIDS_MAX = 16, PID_BITS = 22 }; /* Linux' pids are below 2^22 */

/* A search under way. */
struct search {
    const struct hal9_listeners *wanted;
    enum hal9_holders_depth depth;
    struct hal9_holders *found;
    struct hal9_proc_frame frame;
    size_t *slots; /* open addressing, by inode: 1 + index of the listener, 0 free */
    size_t mask;
    pid_t *last_holder; /* by listener, 0: none found yet */
    size_t without;     /* listeners that nobody was found for yet */
    uint8_t *seen;      /* pids looked at, a bit each */
    bool refused;       /* some process' descriptors could not be read */
    bool elsewhere;     /* a holder is not in the cgroup that made its socket */
    bool in_cgroup;     /* now looking there */
    /* the process being looked at */
    int dir;
    struct hal9_proc proc; /* comm NULL until it is needed */
};

static size_t slot_of(const struct search *s, uint64_t inode) {
    /* Fibonacci hashing (Knuth, TAOCP 3, 6.4): inodes are near each other */
    size_t at = (size_t)(inode * 0x9E3779B97F4A7C15u >> 20) & s->mask;
    while (s->slots[at] && s->wanted->v[s->slots[at] - 1].inode != inode)
        at = (at + 1) & s->mask;
    return at;
}

static void search_init(struct search *s) {
    size_t size = 16;
    while (size < s->wanted->n * 2)
        size *= 2;
    s->mask = size - 1;
    s->slots = hal9_alloc(size * sizeof(*s->slots));
    s->last_holder = hal9_alloc(s->wanted->n * sizeof(*s->last_holder));
    s->seen = hal9_alloc(1 << (PID_BITS - 3));
    for (size_t i = 0; i < s->wanted->n; i++) {
        if (s->wanted->v[i].inode == 0)
            continue; /* the kernel's own */
        s->slots[slot_of(s, s->wanted->v[i].inode)] = i + 1;
        s->without++;
    }
    hal9_proc_frame_read(&s->frame);
}

static void search_clear(struct search *s) {
    free(s->slots);
    free(s->last_holder);
    free(s->seen);
}

static bool done(const struct search *s) {
    return s->depth == HAL9_HOLDERS_FIRST && s->without == 0;
}

/* The process has this socket: note it, once for each listener. */
static int on_socket(int fd, uint64_t inode, void *data) {
    struct search *s = data;
    size_t slot = s->slots[slot_of(s, inode)];
    if (!slot)
        return 0;
    size_t listener = slot - 1;
    pid_t last = s->last_holder[listener];
    if (s->depth == HAL9_HOLDERS_FIRST && last)
        return 0;
    if (!s->proc.comm && hal9_proc_fill(s->dir, &s->frame, HAL9_PROC_ALL, &s->proc) != 0)
        return 1; /* it has ended meanwhile */
    if (last == s->proc.id.pid)
        return 0; /* a duplicated descriptor */
    struct hal9_holder *h = HAL9_APPEND(s->found->v, s->found->n, s->found->cap);
    *h = (struct hal9_holder){.listener = listener, .fd = fd};
    hal9_proc_copy(&h->proc, &s->proc);
    if (!last)
        s->without--;
    s->last_holder[listener] = s->proc.id.pid;
    if (!s->in_cgroup && s->wanted->v[listener].cgroup_id > 1)
        s->elsewhere = true;
    return done(s);
}

/* Looks through one process unless that was done. Non-zero ends the search. */
static int look_at(pid_t pid, struct search *s) {
    uint8_t bit = (uint8_t)(1 << (pid & 7));
    if (pid < 0 || pid >= 1 << PID_BITS || s->seen[pid >> 3] & bit)
        return 0;
    s->seen[pid >> 3] |= bit;
    s->dir = hal9_procfs_open(pid);
    if (s->dir < 0)
        return 0;
    int failed = hal9_fds_each(s->dir, on_socket, s);
    if (failed == EACCES || failed == EPERM)
        s->refused = true;
    hal9_proc_clear(&s->proc);
    close(s->dir);
    return done(s);
}

/* The cgroup that made each socket; not the root's, where all may be. */
static void look_in_cgroups(struct search *s) {
    _cleanup_free_ char *mount = NULL;
    uint64_t last = 0;
    s->in_cgroup = true;
    for (size_t i = 0; i < s->wanted->n && !done(s); i++) {
        uint64_t id = s->wanted->v[i].cgroup_id;
        if (id <= 1 || id == last || (s->last_holder[i] && s->depth == HAL9_HOLDERS_FIRST))
            continue;
        last = id;
        if (!mount)
            mount = hal9_cgroup_mount();
        _cleanup_close_ int dir = mount ? hal9_cgroup_open(mount, id) : -1;
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        size_t cap = 0;
        if (dir < 0 || hal9_cgroup_pids(dir, &pids, &n, &cap) < 0)
            continue;
        for (size_t p = 0; p < n && !look_at(pids[p], s); p++)
            ;
    }
    s->in_cgroup = false;
}

/* A walk through a list of pids for those that fit. */
struct pids {
    pid_t *v;
    size_t n, cap;
};

static void pids_clear(struct pids *p) {
    free(p->v);
}

static int add_pid(pid_t pid, void *data) {
    struct pids *p = data;
    *HAL9_APPEND(p->v, p->n, p->cap) = pid;
    return 0;
}

static bool has_name(pid_t pid, const char *const *names) {
    char path[32];
    char comm[COMM_LEN + 2];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : HAL9_RETRY(read(fd, comm, sizeof(comm) - 1));
    if (n <= 0)
        return false;
    comm[n] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    for (; *names; names++)
        if (strncmp(hal9_path_base(*names), comm, COMM_LEN) == 0)
            return true;
    return false;
}

/* The users whose sockets are still without a holder. */
static size_t wanted_uids(const struct search *s, uid_t ret[UIDS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < s->wanted->n && n < UIDS_MAX; i++) {
        size_t known = 0;
        while (known < n && ret[known] != s->wanted->v[i].uid)
            known++;
        if (!s->last_holder[i] && known == n)
            ret[n++] = s->wanted->v[i].uid;
    }
    return n;
}

/* The owner of /proc/PID is good enough: this is only about the order. */
static bool has_uid(pid_t pid, const uid_t *uids, size_t n) {
    char path[32];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (uids[i] == st.st_uid)
            return true;
    return false;
}

static int look_everywhere(struct search *s, const char *const *names) {
    _cleanup_(pids_clear) struct pids all = {0};
    if (hal9_procfs_each(add_pid, &all) < 0)
        return errno;
    for (size_t i = 0; names && *names && i < all.n && !done(s); i++)
        if (has_name(all.v[i], names))
            look_at(all.v[i], s);
    uid_t uids[UIDS_MAX];
    /* Where all are looked at anyhow, the order is of no use. */
    size_t n_uids = s->depth == HAL9_HOLDERS_FIRST ? wanted_uids(s, uids) : 0;
    for (size_t i = 0; n_uids > 0 && i < all.n && !done(s); i++)
        if (has_uid(all.v[i], uids, n_uids))
            look_at(all.v[i], s);
    for (size_t i = 0; i < all.n && !done(s); i++)
        look_at(all.v[i], s);
    return 0;
}

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
    return a->proc.id.pid < b->proc.id.pid ? -1 : a->proc.id.pid > b->proc.id.pid;
}

/* Whether /proc doesn't even list others' processes (hidepid). */
static bool others_are_invisible(void) {
    return geteuid() != 0 && access("/proc/1", F_OK) != 0;
}

hal9_status hal9_sock_holders(const struct hal9_listeners *l, enum hal9_holders_depth depth,
                              const char *const *names_first, struct hal9_holders *ret,
                              struct hal9_error *err) {
    size_t from = ret->n;
    _cleanup_(search_clear) struct search s = {.wanted = l, .depth = depth, .found = ret};
    search_init(&s);
    if (s.without == 0)
        return HAL9_OK;
    look_in_cgroups(&s);
    int failed = done(&s) ? 0 : look_everywhere(&s, names_first);
    if (failed)
        return hal9_error_errno(err, failed, "cannot list /proc");
    if (s.without > 0 && (s.refused || others_are_invisible()))
        ret->hidden = true;
    if (ret->n == from)
        return HAL9_OK;
    qsort(ret->v + from, ret->n - from, sizeof(*ret->v), by_listener);
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
