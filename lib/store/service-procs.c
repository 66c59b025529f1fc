/* Which processes are a service's, among those that run now. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

/* The processes that sys finds in a service's place now. */
struct placed {
    pid_t *v;
    size_t n;
    bool unknown; /* could not be looked up */
};

static void placed_clear(struct placed *p) {
    free(p->v);
}

static hal9_status placed_find(const struct hal9_service_ref *r, struct placed *ret,
                               struct hal9_error *err) {
    if (!r->place)
        return HAL9_OK;
    hal9_status status = hal9_detach_pids(r->place, &ret->v, &ret->n, err);
    ret->unknown = status != HAL9_OK;
    return status;
}

/* Whether a cgroup's path leads through the place: .../hal9-NAME.scope or .../hal9ops/NAME. That
 * finds another user's places, too, which sys doesn't look for. */
static bool leads_through(const char *cgroup, const char *place) {
    if (!cgroup || !place)
        return false;
    _cleanup_free_ char *scope = hal9_strf("/hal9-%s.scope", place);
    _cleanup_free_ char *group = hal9_strf("/hal9ops/%s", place);
    const char *const names[] = {scope, group};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++)
        for (const char *at = strstr(cgroup, names[i]); at; at = strstr(at + 1, names[i])) {
            char behind = at[strlen(names[i])];
            if (behind == '\0' || behind == '/')
                return true;
        }
    return false;
}

static bool in_place(const struct hal9_service_ref *r, const struct placed *placed,
                     const struct hal9_proc *p) {
    for (size_t i = 0; i < placed->n; i++)
        if (placed->v[i] == p->id.pid)
            return true;
    return leads_through(p->cgroup, r->place) || (r->unit && hal9_streq(r->unit, p->unit));
}

/* descends: whether it comes from the recorded process. */
static enum hal9_service_match match(const struct hal9_service_ref *r, const struct placed *placed,
                                     const struct hal9_proc *p, bool descends) {
    if (in_place(r, placed, p))
        return HAL9_SERVICE_BY_PLACE;
    if (r->recorded.pid > 0 && (descends || hal9_proc_id_equal(&r->recorded, &p->id)))
        return HAL9_SERVICE_BY_RECORD;
    switch (hal9_identity_match(&r->identity, p)) {
    case HAL9_MATCH:
        return HAL9_SERVICE_BY_IDENTITY;
    case HAL9_CANT_TELL:
        return HAL9_SERVICE_CANT_TELL;
    default:
        return placed->unknown ? HAL9_SERVICE_CANT_TELL : HAL9_NOT_SERVICE;
    }
}

static bool recorded_lives(const struct hal9_service_ref *r) {
    return r->recorded.pid > 0 && hal9_proc_alive(&r->recorded) == HAL9_ALIVE;
}

enum hal9_service_match hal9_service_is(const struct hal9_service_ref *r,
                                        const struct hal9_proc *p) {
    _cleanup_(placed_clear) struct placed placed = {0};
    placed_find(r, &placed, NULL);
    bool descends = recorded_lives(r) && p->id.pid != r->recorded.pid &&
                    hal9_proc_descends(p->id.pid, r->recorded.pid);
    return match(r, &placed, p, descends);
}

/* All processes at one moment. */
struct crowd {
    struct hal9_proc *v;
    size_t n, cap;
};

static int gather(const struct hal9_proc *p, void *data) {
    struct crowd *c = data;
    if (p->state != 'Z' && p->state != 'X') /* the dead hold nothing and can't be stopped */
        hal9_proc_copy(HAL9_APPEND(c->v, c->n, c->cap), p);
    return 0;
}

static void crowd_clear(struct crowd *c) {
    for (size_t i = 0; i < c->n; i++)
        hal9_proc_clear(&c->v[i]);
    free(c->v);
    *c = (struct crowd){0};
}

static int by_pid(const void *a, const void *b) {
    pid_t x = ((const struct hal9_proc *)a)->id.pid;
    pid_t y = ((const struct hal9_proc *)b)->id.pid;
    return (x > y) - (x < y);
}

static const struct hal9_proc *parent_of(const struct crowd *c, const struct hal9_proc *p) {
    struct hal9_proc key = {.id = {.pid = p->ppid}};
    return bsearch(&key, c->v, c->n, sizeof(*c->v), by_pid);
}

/* Generations up to ancestor; 0: it is none. Pids that are used again while /proc is read could
 * make a ring, so the way up has an end. */
static size_t generations(const struct crowd *c, const struct hal9_proc *p, pid_t ancestor) {
    size_t n = 0;
    for (; p && n < c->n; n++) {
        if (p->id.pid == ancestor)
            return n;
        p = parent_of(c, p);
    }
    return 0;
}

static size_t depth(const struct crowd *c, const struct hal9_proc *p) {
    size_t n = 0;
    while (n < c->n && (p = parent_of(c, p)))
        n++;
    return n;
}

/* One that is the service's, and how far it stands from the root of all processes. */
struct member {
    struct hal9_proc_id id;
    size_t depth;
};

static int parents_first(const void *a, const void *b) {
    const struct member *x = a;
    const struct member *y = b;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    if (x->id.start != y->id.start)
        return x->id.start < y->id.start ? -1 : 1;
    return (x->id.pid > y->id.pid) - (x->id.pid < y->id.pid);
}

/* What must be read of each process to tell. */
static unsigned wanted(const struct hal9_service_ref *r) {
    unsigned want = HAL9_PROC_STAT;
    if (r->place || r->unit || r->identity.unit || r->identity.container)
        want |= HAL9_PROC_CGROUP;
    if (r->identity.exe || r->identity.exe_any)
        want |= HAL9_PROC_EXE | HAL9_PROC_ARGV | HAL9_PROC_CWD;
    if (r->identity.cmdline)
        want |= HAL9_PROC_EXE | HAL9_PROC_ARGV;
    if (r->identity.user)
        want |= HAL9_PROC_USER;
    return want;
}

/* Picks the members out of the crowd, by depth. Fresh. */
static struct member *pick(const struct hal9_service_ref *r, const struct placed *placed,
                           const struct crowd *c, size_t *ret_n, bool *ret_hidden) {
    bool lives = recorded_lives(r);
    struct member *members = NULL;
    size_t n = 0;
    size_t cap = 0;
    bool hidden = false;
    for (size_t i = 0; i < c->n; i++) {
        const struct hal9_proc *p = &c->v[i];
        enum hal9_service_match how =
            match(r, placed, p, lives && generations(c, p, r->recorded.pid) > 0);
        hidden = hidden || how == HAL9_SERVICE_CANT_TELL;
        if (how > HAL9_SERVICE_CANT_TELL)
            *HAL9_APPEND(members, n, cap) = (struct member){p->id, depth(c, p)};
    }
    if (n > 1)
        qsort(members, n, sizeof(*members), parents_first);
    *ret_n = n;
    *ret_hidden = hidden;
    return members;
}

hal9_status hal9_service_procs(const struct hal9_service_ref *r, struct hal9_proc **ret,
                               size_t *ret_n, bool *ret_hidden, struct hal9_error *err) {
    _cleanup_(crowd_clear) struct crowd crowd = {0};
    _cleanup_(placed_clear) struct placed placed = {0};
    hal9_status status = placed_find(r, &placed, err);
    if (status == HAL9_OK)
        status = hal9_proc_each(wanted(r), gather, &crowd, err);
    if (status != HAL9_OK)
        return status;
    if (crowd.n > 1)
        qsort(crowd.v, crowd.n, sizeof(*crowd.v), by_pid);
    size_t n_members;
    bool hidden;
    _cleanup_free_ struct member *members = pick(r, &placed, &crowd, &n_members, &hidden);
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (size_t i = 0; i < n_members; i++) {
        struct hal9_proc whole = {0};
        if (hal9_proc_read(members[i].id.pid, HAL9_PROC_ALL, &whole, NULL) != HAL9_OK)
            continue; /* it has ended meanwhile */
        if (hal9_proc_id_equal(&whole.id, &members[i].id))
            *HAL9_APPEND(procs, n, cap) = whole;
        else
            hal9_proc_clear(&whole);
    }
    *ret = procs;
    *ret_n = n;
    if (ret_hidden)
        *ret_hidden = hidden;
    return HAL9_OK;
}
