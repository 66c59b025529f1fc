/* One look at ports: one kernel dump, one search for who has the sockets. */
#include <stdlib.h>
#include <string.h>

#include "hal9ops/net.h"
#include "portfix-internal.h"

#define RANGE_TOLD 16 /* of a longer range only the ports that are held are told */
#define LOOKS 3       /* what a listener's process does meanwhile may take another look */
#define PORTS 65536

struct look {
    const struct hal9_portfix *p;
    enum hal9_holders_depth depth;
    const struct hal9_ports *tcp, *udp;
    bool everything; /* no port was told: all that listen */
    struct hal9_listeners ls;
    size_t n_tcp; /* the first of them are TCP's */
    struct hal9_holders hs;
    size_t *first; /* of each listener's holders; one more at the end */
    struct portfix_owners owners;
};

static void look_clear(struct look *l) {
    hal9_listeners_clear(&l->ls);
    hal9_holders_clear(&l->hs);
    free(l->first);
    portfix_owners_clear(&l->owners);
}

/* ---- the kernel's answer */

static hal9_status which_ports(struct look *l, struct hal9_error *err) {
    const struct hal9_portfix *p = l->p;

    l->tcp = &p->tcp;
    l->udp = &p->udp;
    if (p->tcp.n > 0 || p->udp.n > 0)
        return HAL9_OK;
    l->everything = !p->for_service;
    if (l->everything)
        return HAL9_OK;
    l->tcp = &p->for_service->ports;
    if (l->tcp->n > 0)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE, "%s has no port in the configuration", p->for_service->name);
    hal9_error_hint(err, "name the port, or add port: to the service");
    return HAL9_E_USAGE;
}

static hal9_status find_listeners(struct look *l, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    if (l->everything || l->tcp->n > 0)
        st = hal9_sock_listeners(l->tcp, HAL9_TCP, &l->ls, err);
    l->n_tcp = l->ls.n;
    if (st == HAL9_OK && (l->everything || l->udp->n > 0))
        st = hal9_sock_listeners(l->udp, HAL9_UDP, &l->ls, err);
    return st;
}

static void add_names(struct hal9_strv *names, const struct hal9_service *s) {
    const char *exe = s->identity.exe, *slash = exe ? strrchr(exe, '/') : NULL;

    for (size_t i = 0; i < s->conflicts.n; i++)
        hal9_strv_add(names, s->conflicts.v[i]);
    hal9_strv_add(names, slash ? slash + 1 : exe);
    hal9_strv_add(names, s->name);
}

/* Who probably has them is looked at first. */
static void likely_names(const struct look *l, struct hal9_strv *names) {
    const struct hal9_service *last = NULL;

    for (size_t i = 0; i < l->n_tcp; i++) {
        const struct hal9_service *s = portfix_service_of(l->p, HAL9_TCP, l->ls.v[i].port);

        if (s && s != last)
            add_names(names, s);
        last = s ? s : last;
    }
}

static hal9_status find_holders(struct look *l, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    hal9_status st = HAL9_OK;
    size_t h = 0;

    likely_names(l, &names);
    hal9_strv_sort_unique(&names);
    if (l->ls.n > 0)
        st = hal9_sock_holders(&l->ls, l->depth, (const char *const *)names.v, &l->hs, err);
    if (st != HAL9_OK)
        return st;
    l->first = hal9_alloc((l->ls.n + 1) * sizeof(*l->first));
    for (size_t i = 0; i <= l->ls.n; i++) {
        while (h < l->hs.n && l->hs.v[h].listener < i)
            h++;
        l->first[i] = h;
    }
    return HAL9_OK;
}

/* ---- findings */

static struct hal9_port_holder *holder_of(struct hal9_port_finding *f, const struct hal9_proc *p) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (f->holders[i].proc.id.pid == p->id.pid)
            return &f->holders[i];
    struct hal9_port_holder *h = HAL9_APPEND(f->holders, f->n_holders, f->cap_holders);

    *h = (struct hal9_port_holder){0};
    hal9_proc_copy(&h->proc, p);
    return h;
}

static void add_holder(struct hal9_port_finding *f, size_t listener,
                       const struct hal9_holder *from) {
    struct hal9_port_holder *h = holder_of(f, &from->proc);

    *HAL9_APPEND(h->on, h->n_on, h->cap_on) = (struct hal9_port_hold){listener, from->fd};
}

/* Where it listens; two sockets may share one address (SO_REUSEPORT). */
static char *addresses(const struct hal9_port_finding *f, const struct hal9_port_holder *h) {
    _cleanup_strv_ struct hal9_strv all = {0};
    char text[64];

    for (size_t k = 0; k < h->n_on; k++) {
        hal9_listener_text(&f->listeners.v[h->on[k].listener], text);
        if (!hal9_strv_has(&all, text))
            hal9_strv_add(&all, text);
    }
    return hal9_strv_join(&all, ", ");
}

/* The unit that would be stopped. One that is stopped already has left the process behind: signals, then. */
static char *unit_to_stop(const struct hal9_proc *p) {
    _cleanup_free_ char *why = NULL;
    _cleanup_free_ char *name = hal9_holder_unit(p, &why);
    struct hal9_unit u = {0};

    if (!name || hal9_systemd_show(name, &u, NULL) != HAL9_OK)
        return NULL;
    bool over = hal9_streq(u.active, "inactive") || hal9_streq(u.active, "failed");

    hal9_unit_clear(&u);
    return over ? NULL : HAL9_TAKE_PTR(name);
}

/* A first look asks nobody. */
static void find_unit(const struct look *l, struct hal9_port_holder *h) {
    if (!h->proc.unit)
        return;
    if (l->depth == HAL9_HOLDERS_ALL && portfix_wrong(h))
        h->unit = unit_to_stop(&h->proc);
    else if (!hal9_startswith(h->proc.unit, "user@"))
        h->unit = hal9_strdup(h->proc.unit);
}

static int wrong_first(const void *va, const void *vb) {
    const struct hal9_port_holder *a = va, *b = vb;
    bool wa = portfix_wrong(a), wb = portfix_wrong(b);

    if (wa != wb)
        return wa ? -1 : 1;
    if (a->proc.id.start != b->proc.id.start)
        return a->proc.id.start < b->proc.id.start ? -1 : 1;
    return a->proc.id.pid < b->proc.id.pid ? -1 : a->proc.id.pid > b->proc.id.pid;
}

/* Of some listener that isn't the owner's nobody can be seen, or nothing certain. */
static bool is_hidden(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->listeners.n; i++) {
        bool seen = portfix_owned(f, i);

        for (size_t h = 0; h < f->n_holders && !seen; h++)
            for (size_t k = 0; portfix_wrong(&f->holders[h]) && k < f->holders[h].n_on; k++)
                seen = seen || f->holders[h].on[k].listener == i;
        if (!seen)
            return true;
    }
    return false;
}

/* Nobody listens; but could a server bind it? */
static enum hal9_port_answer answer_unheld(const struct look *l,
                                           const struct hal9_port_finding *f) {
    enum hal9_bindable b = HAL9_BIND_OK;

    if (l->depth != HAL9_HOLDERS_ALL || hal9_sock_can_bind(f->proto, f->port, &b, NULL) != HAL9_OK)
        return HAL9_PORT_FREE;
    if (b == HAL9_BIND_TIME_WAIT)
        return HAL9_PORT_TIME_WAIT;
    return b == HAL9_BIND_BLOCKED ? HAL9_PORT_HIDDEN : HAL9_PORT_FREE;
}

static enum hal9_port_answer answer(const struct look *l, const struct hal9_port_finding *f) {
    if (f->listeners.n == 0)
        return answer_unheld(l, f);
    if (portfix_has_wrong(f))
        return HAL9_PORT_OTHER;
    return f->hidden ? HAL9_PORT_HIDDEN : HAL9_PORT_OWNER;
}

/* The listeners from `from` up to `to` are the port's. */
static hal9_status add_finding(struct look *l, enum hal9_proto proto, uint16_t port, size_t from,
                               size_t to, struct hal9_port_findings *ret, struct hal9_error *err) {
    const struct hal9_service_ref *owner = NULL;
    struct hal9_port_finding *f = HAL9_APPEND(ret->v, ret->n, ret->cap);

    *f = (struct hal9_port_finding){
        .proto = proto, .port = port, .owner = portfix_service_of(l->p, proto, port)};
    for (size_t i = from; i < to; i++)
        *HAL9_APPEND(f->listeners.v, f->listeners.n, f->listeners.cap) = l->ls.v[i];
    for (size_t i = from; i < to; i++)
        for (size_t h = l->first[i]; h < l->first[i + 1]; h++)
            add_holder(f, i - from, &l->hs.v[h]);
    if (f->owner) {
        hal9_status st = portfix_owner_get(&l->owners, l->p, f->owner, &owner, err);

        if (st != HAL9_OK)
            return st;
    }
    portfix_judge(f, owner, l->depth);
    for (size_t i = 0; i < f->n_holders; i++) {
        f->holders[i].address = addresses(f, &f->holders[i]);
        find_unit(l, &f->holders[i]);
    }
    if (f->n_holders > 1)
        qsort(f->holders, f->n_holders, sizeof(*f->holders), wrong_first);
    f->maybe_shared = l->hs.maybe_shared && f->n_holders > 0;
    f->hidden = is_hidden(f);
    f->answer = answer(l, f);
    return HAL9_OK;
}

/* Which ports get a finding. */
static void mark(const struct look *l, const struct hal9_ports *ports, size_t from, size_t to,
                 uint8_t *told) {
    for (size_t i = 0; i < ports->n; i++)
        if (ports->v[i].last - ports->v[i].first < RANGE_TOLD)
            memset(told + ports->v[i].first, 1, (size_t)(ports->v[i].last - ports->v[i].first) + 1);
    for (size_t i = from; i < to; i++)
        told[l->ls.v[i].port] = 1;
}

static hal9_status find_all(struct look *l, struct hal9_port_findings *ret,
                            struct hal9_error *err) {
    static const enum hal9_proto protos[] = {HAL9_TCP, HAL9_UDP};
    _cleanup_free_ uint8_t *told = hal9_alloc((size_t)2 * PORTS);
    size_t at[2] = {0, l->n_tcp}, end[2] = {l->n_tcp, l->ls.n};

    mark(l, l->tcp, at[0], end[0], told);
    mark(l, l->udp, at[1], end[1], told + PORTS);
    for (uint32_t port = 1; port < PORTS; port++) {
        for (size_t k = 0; k < 2; k++) {
            size_t from = at[k];

            if (!told[k * PORTS + port])
                continue;
            while (at[k] < end[k] && l->ls.v[at[k]].port == port)
                at[k]++;
            hal9_status st = add_finding(l, protos[k], (uint16_t)port, from, at[k], ret, err);

            if (st != HAL9_OK)
                return st;
        }
    }
    return HAL9_OK;
}

/* ---- looking again */

/* A first look that met somebody else on a service's port, where the service could have the same socket. */
static bool wants_all(const struct look *l, const struct hal9_port_findings *f) {
    for (size_t i = 0; l->depth == HAL9_HOLDERS_FIRST && l->hs.maybe_shared && i < f->n; i++)
        if (f->v[i].owner && portfix_has_wrong(&f->v[i]))
            return true;
    return false;
}

/* A listener without a holder, though nothing is hidden: it was let go of between the dump and the search, most likely. A list of the whole
 * host need not be that exact. */
static bool has_changed(const struct look *l) {
    for (size_t i = 0; !l->hs.hidden && !l->everything && i < l->ls.n; i++)
        if (l->first[i] == l->first[i + 1] && l->ls.v[i].inode != 0)
            return true;
    return false;
}

static hal9_status look_once(const struct hal9_portfix *p, enum hal9_holders_depth *depth,
                             bool *ret_again, struct hal9_port_findings *ret,
                             struct hal9_error *err) {
    _cleanup_(look_clear) struct look l = {.p = p, .depth = *depth};
    hal9_status st = which_ports(&l, err);

    if (st == HAL9_OK)
        st = find_listeners(&l, err);
    if (st == HAL9_OK)
        st = find_holders(&l, err);
    if (st == HAL9_OK)
        st = find_all(&l, ret, err);
    if (st != HAL9_OK)
        return st;
    *ret_again = has_changed(&l);
    if (wants_all(&l, ret)) {
        *depth = HAL9_HOLDERS_ALL;
        *ret_again = true;
    }
    return HAL9_OK;
}

hal9_status hal9_portfix_look(const struct hal9_portfix *p, enum hal9_holders_depth depth,
                              struct hal9_port_findings *ret, struct hal9_error *err) {
    struct hal9_port_findings f = {0};
    bool again = true;

    for (int n = 0; again && n < LOOKS; n++) {
        hal9_port_findings_clear(&f);
        hal9_status st = look_once(p, &depth, &again, &f, err);

        if (st != HAL9_OK) {
            hal9_port_findings_clear(&f);
            return st;
        }
    }
    for (size_t i = 0; i < f.n; i++)
        portfix_words(&f.v[i]);
    if (depth == HAL9_HOLDERS_ALL)
        portfix_refuse(&f, NULL);
    *ret = f;
    return HAL9_OK;
}
