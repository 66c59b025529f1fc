/* Whose a holder of a port is: the service's that the configuration names, one that conflicts names, nobody's to stop. */
#include <stdlib.h>

#include "hal9ops/net.h"
#include "portfix-internal.h"

hal9_status portfix_owner_get(struct portfix_owners *o, const struct hal9_portfix *p,
                              const struct hal9_service *s, const struct hal9_service_ref **ret,
                              struct hal9_error *err) {
    struct hal9_service_ref ref = {0};
    hal9_status st;

    for (size_t i = 0; i < o->n; i++) {
        if (o->v[i]->service != s)
            continue;
        *ret = &o->v[i]->ref;
        return HAL9_OK;
    }
    st = hal9_config_ref(s, p->state, &ref, err);
    if (st != HAL9_OK)
        return st;
    struct portfix_owner *new = hal9_alloc(sizeof(*new));

    *new = (struct portfix_owner){s, ref};
    *HAL9_APPEND(o->v, o->n, o->cap) = new;
    *ret = &new->ref;
    return HAL9_OK;
}

void portfix_owners_clear(struct portfix_owners *o) {
    for (size_t i = 0; i < o->n; i++) {
        hal9_service_ref_clear(&o->v[i]->ref);
        free(o->v[i]);
    }
    free(o->v);
    *o = (struct portfix_owners){0};
}

/* The configuration's ports are TCP. */
const struct hal9_service *portfix_service_of(const struct hal9_portfix *p, enum hal9_proto proto,
                                              uint16_t port) {
    const struct hal9_service *s = p->for_service;

    if (proto != HAL9_TCP)
        return NULL;
    if (s && s->ports.n > 0 && hal9_ports_has(&s->ports, port))
        return s;
    return p->config ? hal9_config_port_owner(p->config, port) : NULL;
}

/* A unit's socket that systemd itself holds until somebody connects. */
static bool is_activation(const struct hal9_service_ref *owner, const struct hal9_proc *p) {
    struct hal9_unit u = {0};
    bool is = false;

    if (p->id.pid != 1 || !owner->unit || hal9_systemd_show(owner->unit, &u, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < u.triggered_by.n; i++)
        is = is || hal9_endswith(u.triggered_by.v[i], ".socket");
    hal9_unit_clear(&u);
    return is;
}

/* What holds the published port of a container in its place. */
static bool is_forwarder(const struct hal9_proc *p) {
    static const char *const names[] = {"docker-proxy", "rootlessport", "slirp4netns",
                                        "pasta",        "pasta.avx2",   "conmon"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++)
        if (hal9_streq(p->comm, names[i]))
            return true;
    return false;
}

static enum hal9_service_match match(const struct hal9_service_ref *owner,
                                     const struct hal9_proc *p) {
    enum hal9_service_match m = owner ? hal9_service_is(owner, p) : HAL9_NOT_SERVICE;

    if (m == HAL9_NOT_SERVICE && owner &&
        ((owner->identity.container && is_forwarder(p)) || is_activation(owner, p)))
        return HAL9_SERVICE_BY_IDENTITY;
    return m;
}

/* What has none but the owner's sockets shares them with it (systemd, a helper) and takes nothing from it. */
static void judge_ownership(struct hal9_port_finding *f, const struct hal9_service_ref *owner) {
    for (size_t i = 0; i < f->n_holders; i++) {
        enum hal9_service_match m = match(owner, &f->holders[i].proc);

        f->holders[i].unsure = m == HAL9_SERVICE_CANT_TELL;
        f->holders[i].is_owner = m != HAL9_NOT_SERVICE && m != HAL9_SERVICE_CANT_TELL;
    }
    for (size_t i = 0; i < f->n_holders; i++) {
        struct hal9_port_holder *h = &f->holders[i];
        bool all = h->n_on > 0;

        for (size_t k = 0; k < h->n_on; k++)
            all = all && portfix_owned(f, h->on[k].listener);
        if (all) {
            h->is_owner = true;
            h->unsure = false;
        }
    }
}

static bool is_shared(const struct hal9_port_finding *f, const struct hal9_port_holder *h) {
    for (size_t i = 0; i < f->n_holders; i++)
        for (size_t k = 0; &f->holders[i] != h && k < f->holders[i].n_on; k++)
            for (size_t n = 0; n < h->n_on; n++)
                if (f->holders[i].on[k].listener == h->on[n].listener)
                    return true;
    return false;
}

static bool named(const struct hal9_service *s, const struct hal9_proc *p) {
    for (size_t i = 0; s && i < s->conflicts.n; i++)
        if (hal9_proc_named(p, s->conflicts.v[i]))
            return true;
    return false;
}

/* The workers of an interpreted program don't all carry its name. */
bool portfix_kin(const struct hal9_proc *a, const struct hal9_proc *b) {
    if (!a->exe_ino || a->exe_ino != b->exe_ino || a->exe_dev != b->exe_dev)
        return false;
    return (a->ppid == b->ppid && a->ppid > 1) || hal9_proc_descends(a->id.pid, b->id.pid) ||
           hal9_proc_descends(b->id.pid, a->id.pid);
}

static void judge_conflicts(struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++)
        f->holders[i].allowed =
            portfix_wrong(&f->holders[i]) && named(f->owner, &f->holders[i].proc);
    for (size_t i = 0; i < f->n_holders; i++) {
        struct hal9_port_holder *h = &f->holders[i];

        for (size_t k = 0; portfix_wrong(h) && !h->allowed && k < f->n_holders; k++)
            h->allowed = named(f->owner, &f->holders[k].proc) && portfix_wrong(&f->holders[k]) &&
                         portfix_kin(&h->proc, &f->holders[k].proc);
    }
}

static const char *never_reason(const struct hal9_proc *p) {
    return is_forwarder(p) ? "the port is published by a container: stop the container"
                           : hal9_proc_untouchable(p);
}

void portfix_judge(struct hal9_port_finding *f, const struct hal9_service_ref *owner,
                   enum hal9_holders_depth depth) {
    judge_ownership(f, owner);
    judge_conflicts(f);
    for (size_t i = 0; i < f->n_holders; i++) {
        struct hal9_port_holder *h = &f->holders[i];

        h->shared = is_shared(f, h);
        if (depth == HAL9_HOLDERS_ALL && portfix_wrong(h))
            h->never = never_reason(&h->proc);
    }
}
