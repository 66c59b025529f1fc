/* The same program may run as several services, or as somebody else's: whose a process is, so that no other's is stopped. */
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "restart-internal.h"

/* How good a service's word is that a process belongs to it. */
enum claim {
    NO_CLAIM,
    BY_PROGRAM,   /* its identity fits */
    BY_ARGUMENTS, /* and it runs with the arguments that `run` tells */
    BY_START,     /* it was started as that service, or lives where that service does */
};

/* A script's arguments come behind its interpreter and its own name. */
static bool runs_as_told(const struct hal9_service *s, const struct hal9_proc *p) {
    const struct hal9_strv *told = s->run ? &s->run->exec : NULL;

    if (!told || told->n == 0 || p->argv.n < told->n)
        return false;
    size_t skip = p->argv.n - told->n;

    if (skip > 0 && !hal9_streq(p->argv.v[skip], told->v[0]))
        return false;
    for (size_t i = 1; i < told->n; i++)
        if (!hal9_streq(p->argv.v[skip + i], told->v[i]))
            return false;
    return true;
}

/* Known by its program alone, and somebody else's: of a container, or of a unit of the system. */
static bool lives_elsewhere(const struct hal9_service *s, const struct hal9_proc *p) {
    _cleanup_(hal9_proc_clear) struct hal9_proc self = {0};
    _cleanup_free_ char *why = NULL;

    if (!s->run || s->run->exec.n == 0 || (!p->unit && !p->container) ||
        hal9_proc_read(getpid(), HAL9_PROC_CGROUP, &self, NULL) != HAL9_OK)
        return false;
    if (p->container)
        return !s->identity.container && !hal9_streq(p->container, self.container);
    _cleanup_free_ char *unit = hal9_holder_unit(p, &why);

    return unit && !s->identity.unit && hal9_startswith(p->cgroup, "/system.slice/") &&
           !hal9_streq(unit, self.unit);
}

static enum claim claim_of(const struct hal9_service *s, const struct hal9_service_ref *ref,
                           const struct hal9_proc *p) {
    switch (hal9_service_is(ref, p)) {
    case HAL9_SERVICE_BY_PLACE:
    case HAL9_SERVICE_BY_RECORD:
        return BY_START;
    case HAL9_SERVICE_BY_IDENTITY:
        if (lives_elsewhere(s, p))
            return NO_CLAIM;
        return runs_as_told(s, p) ? BY_ARGUMENTS : BY_PROGRAM;
    default:
        return NO_CLAIM;
    }
}

/* The best claim of the other services, and whose it is. */
static hal9_status rival(const struct hal9_restart *r, const struct hal9_service *but,
                         const struct hal9_proc *p, enum claim *ret,
                         const struct hal9_service **ret_who, struct hal9_error *err) {
    *ret = NO_CLAIM;
    for (size_t i = 0; i < r->config->services.n; i++) {
        const struct hal9_service *s = r->config->services.v[i];
        _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};

        if (s == but)
            continue;
        hal9_status st = hal9_config_ref(s, r->state, &ref, err);

        if (st != HAL9_OK)
            return st;
        enum claim c = claim_of(s, &ref, p);

        if (c > *ret) {
            *ret = c;
            *ret_who = s;
        }
    }
    return HAL9_OK;
}

static hal9_status cant_tell(const struct hal9_service *s, const struct hal9_service *other,
                             const struct hal9_proc *p, struct hal9_error *err) {
    _cleanup_free_ char *name = hal9_proc_name(p);

    hal9_error_set(err, HAL9_E_REFUSED, "%s (pid %d) may be %s or %s: nothing tells them apart",
                   name, (int)p->id.pid, s->name, other ? other->name : "somebody else's");
    hal9_error_hint(err, "an identity with cmdline, user or unit does; see hal9.yaml(5)");
    return HAL9_E_REFUSED;
}

/* Narrows the ref until it means just those that are marked as the service's own. */
static hal9_status narrow(struct hal9_restart_finding *f, const struct hal9_proc *procs,
                          const bool *own, size_t n, bool by_start,
                          const struct hal9_service *other, struct hal9_error *err) {
    const struct hal9_service *s = f->service;

    if (by_start || f->ref.identity.cmdline || !s->run || s->run->exec.n == 0)
        hal9_identity_clear(&f->ref.identity);
    else
        f->ref.identity.cmdline = hal9_strv_join(&s->run->exec, " ");
    for (size_t i = 0; i < n; i++)
        if ((hal9_service_is(&f->ref, &procs[i]) > HAL9_SERVICE_CANT_TELL) != own[i])
            return cant_tell(s, other, &procs[i], err);
    return HAL9_OK;
}

hal9_status hal9_restart_kin(const struct hal9_restart *r, struct hal9_restart_finding *f,
                             const struct hal9_proc *procs, size_t n, bool *ret_narrowed,
                             struct hal9_error *err) {
    _cleanup_free_ bool *own = hal9_alloc(n + 1);
    const struct hal9_service *same = NULL;
    const struct hal9_proc *disputed = NULL;
    bool foreign = false, started = false, by_start = true;

    *ret_narrowed = false;
    if (!procs)
        return HAL9_OK;
    for (size_t i = 0; i < n; i++) {
        const struct hal9_service *other = NULL;
        enum claim mine = claim_of(f->service, &f->ref, &procs[i]), theirs = NO_CLAIM;
        hal9_status st =
            mine == BY_START ? HAL9_OK : rival(r, f->service, &procs[i], &theirs, &other, err);

        if (st != HAL9_OK)
            return st;
        own[i] = mine > theirs;
        started |= own[i] && mine == BY_START;
        by_start &= !own[i] || mine == BY_START;
        foreign |= !own[i];
        if (other && !own[i])
            same = other;
        if (other && mine == theirs)
            disputed = &procs[i];
    }
    *ret_narrowed = foreign;
    if (!foreign)
        return HAL9_OK;
    /* Where its own are known for sure, those that are not are left alone. */
    if (disputed && !started)
        return cant_tell(f->service, same, disputed, err);
    return narrow(f, procs, own, n, by_start, same, err);
}
