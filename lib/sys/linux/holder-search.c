/* Looks for sockets among the descriptors of many processes. Nearly all of the time is the kernel's, a microsecond or two for each
 * descriptor, so long lists are shared out to threads. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/holder-search.h"

enum {
    PID_BITS = 22,      /* Linux' pids are below 2^22 */
    THREADS_MAX = 8,    /* more wait for each other at /proc itself */
    THREAD_WORTH = 100, /* processes for each thread: fewer take less time than it takes to start */
    THREAD_WORTH_RARE = 4000, /* where a name is read of most, and no more */
};

void hal9_pids_clear(struct hal9_pids *p) {
    free(p->v);
    *p = (struct hal9_pids){0};
}

/* ---- what is sought */

static size_t slot_of(const struct hal9_search *s, uint64_t inode) {
    /* Fibonacci hashing (Knuth, TAOCP 3, 6.4): inodes are near each other */
    size_t at = (size_t)(inode * 0x9E3779B97F4A7C15u >> 20) & s->mask;
    while (s->slots[at] && s->wanted->v[s->slots[at] - 1].inode != inode)
        at = (at + 1) & s->mask;
    return at;
}

/* CPUs that have nothing to do now (on others threads would only wait for their turn): those this thread may run on, less all that run in the system. */
size_t hal9_host_idle_cpus(void) {
    cpu_set_t cpus;
    uint64_t running;
    _cleanup_buf_ struct hal9_buf text = {0};
    /* "0.20 0.18 0.12 1/80 11206": the fourth is running/all, this thread included */
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 ||
        hal9_procfs_read(AT_FDCWD, "/proc/loadavg", 128, &text) < 0 || text.len == 0)
        return 0;
    const char *at = text.data;
    size_t can = (size_t)CPU_COUNT(&cpus);
    hal9_scan_words(&at, 3);
    return hal9_scan_number(&at, 10, &running) && running < can ? can - (size_t)running : 0;
}

void hal9_search_start(struct hal9_search *s, const struct hal9_listeners *wanted,
                       enum hal9_holders_depth depth, struct hal9_holders *found) {
    size_t size = 16;
    size_t without = 0;
    *s = (struct hal9_search){
        .wanted = wanted, .depth = depth, .found = found, .idle = hal9_host_idle_cpus()};
    while (size < wanted->n * 2)
        size *= 2;
    s->mask = size - 1;
    s->slots = hal9_alloc(size * sizeof(*s->slots));
    s->first = hal9_alloc(wanted->n * sizeof(*s->first));
    s->seen = hal9_alloc((1 << (PID_BITS - 3)) * sizeof(*s->seen));
    for (size_t i = 0; i < wanted->n; i++) {
        if (wanted->v[i].inode == 0)
            continue; /* the kernel's own */
        s->slots[slot_of(s, wanted->v[i].inode)] = i + 1;
        without++;
    }
    atomic_init(&s->without, without);
    pthread_mutex_init(&s->lock, NULL);
    hal9_proc_frame_read(&s->frame);
}

void hal9_search_clear(struct hal9_search *s) {
    free(s->slots);
    free(s->first);
    free(s->seen);
    pthread_mutex_destroy(&s->lock);
}

bool hal9_search_done(const struct hal9_search *s) {
    return s->depth == HAL9_HOLDERS_FIRST && atomic_load(&s->without) == 0;
}

/* ---- one process */

struct visit {
    struct hal9_search *s;
    size_t turn;
    int dir;
    struct hal9_proc proc; /* comm NULL until it is needed */
};

static void note(struct visit *v, size_t listener, int fd) {
    struct hal9_search *s = v->s;
    struct hal9_first_holder *first = &s->first[listener];
    size_t at = s->found->n;
    if (s->depth == HAL9_HOLDERS_FIRST && first->turn) {
        if (first->turn <= v->turn)
            return;
        at = first->at; /* a thread that was quicker had a later turn */
        hal9_proc_clear(&s->found->v[at].proc);
    } else {
        HAL9_APPEND(s->found->v, s->found->n, s->found->cap);
    }
    s->found->v[at] = (struct hal9_holder){.listener = listener, .fd = fd};
    hal9_proc_copy(&s->found->v[at].proc, &v->proc);
    if (!first->turn)
        atomic_fetch_sub(&s->without, 1);
    *first = (struct hal9_first_holder){v->turn, at};
    if (!s->in_cgroup && s->wanted->v[listener].cgroup_id > 1)
        s->elsewhere = true;
}

static int on_socket(int fd, uint64_t inode, void *data) {
    struct visit *v = data;
    size_t slot = v->s->slots[slot_of(v->s, inode)];
    if (!slot)
        return 0;
    if (!v->proc.comm && hal9_proc_fill(v->dir, &v->s->frame, HAL9_PROC_ALL, &v->proc) != 0)
        return 1; /* it has ended meanwhile */
    pthread_mutex_lock(&v->s->lock);
    note(v, slot - 1, fd);
    pthread_mutex_unlock(&v->s->lock);
    return hal9_search_done(v->s) && v->s->wanted->n == 1;
}

static void visit(struct hal9_search *s, pid_t pid, size_t turn) {
    unsigned char bit = (unsigned char)(1 << (pid & 7));
    if (pid < 0 || pid >= 1 << PID_BITS || atomic_fetch_or(&s->seen[pid >> 3], bit) & bit)
        return;
    struct visit v = {.s = s, .turn = turn, .dir = hal9_procfs_open(pid)};
    if (v.dir < 0)
        return;
    int failed = hal9_fds_each(v.dir, on_socket, &v);
    if (failed == EACCES || failed == EPERM)
        atomic_store(&s->refused, true);
    hal9_proc_clear(&v.proc);
    close(v.dir);
}

/* ---- a list of processes */

struct crew {
    struct hal9_search *s;
    const struct hal9_pids *pids;
    const struct hal9_search_filter *filter;
    atomic_size_t next;
};

/* Turns are taken in the list's order and finished, so whoever comes before a holder that was found has been looked at as well. */
static void *work(void *data) {
    struct crew *c = data;
    while (!hal9_search_done(c->s)) {
        size_t i = atomic_fetch_add(&c->next, 1);
        if (i >= c->pids->n)
            break;
        pid_t pid = c->pids->v[i];
        if (!c->filter || c->filter->fits(pid, c->filter->data))
            visit(c->s, pid, c->s->turns + i + 1);
    }
    return NULL;
}

/* How many threads to add. */
static size_t more_threads(const struct hal9_search *s, size_t n,
                           const struct hal9_search_filter *filter) {
    size_t worth = n / (filter && filter->rare ? THREAD_WORTH_RARE : THREAD_WORTH);
    size_t most = s->idle < THREADS_MAX ? s->idle : THREADS_MAX;
    return worth < most ? worth : most;
}

void hal9_search_look(struct hal9_search *s, const struct hal9_pids *pids,
                      const struct hal9_search_filter *filter) {
    struct crew c = {.s = s, .pids = pids, .filter = filter};
    pthread_t threads[THREADS_MAX];
    size_t more = 0;
    size_t wanted = more_threads(s, pids->n, filter);
    sigset_t all;
    sigset_t before;
    sigfillset(&all); /* signals are for the thread that called */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (more < wanted && pthread_create(&threads[more], NULL, work, &c) == 0)
        more++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&c);
    for (size_t i = 0; i < more; i++)
        pthread_join(threads[i], NULL);
    s->turns += pids->n;
}
