/* Whether the listener of a port is the service. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "check/look.h"
#include "hal9ops/net.h"

/* What one listener's holders say, the best first: one holder of ours among several (a forked server, a socket that
 * systemd handed over) makes the listener ours. */
static const int rank_in_listener[] = {[HAL9_OWNER_OURS] = 4,
                                       [HAL9_OWNER_WRONG] = 3,
                                       [HAL9_OWNER_UNKNOWN] = 2,
                                       [HAL9_OWNER_OTHER] = 1};
/* Of several listeners of a port the worst counts. */
static const int rank_of_port[] = {[HAL9_OWNER_OTHER] = 4,
                                   [HAL9_OWNER_WRONG] = 3,
                                   [HAL9_OWNER_UNKNOWN] = 2,
                                   [HAL9_OWNER_OURS] = 1};

/* How well a listener fits an address: 0 not at all, 3 exactly. The kernel gives a connection to the best. */
static int fit(const struct hal9_listener *l, const struct hal9_addr *at) {
    struct hal9_addr own = l->addr;
    if (hal9_addr_mapped(&own)) {
        memmove(own.bytes, own.bytes + 12, 4);
        own.family = AF_INET;
    }
    if (own.family == at->family &&
        memcmp(own.bytes, at->bytes, at->family == AF_INET ? 4 : 16) == 0)
        return 3;
    if (!hal9_addr_any(&l->addr))
        return 0;
    if (l->addr.family == at->family)
        return 2;
    return l->addr.family == AF_INET6 && !l->v6only ? 1 : 0;
}

static int best_fit(const struct hal9_look *l, enum hal9_proto proto, uint16_t port,
                    const struct hal9_addr *at) {
    int best = 0;
    for (size_t i = 0; at && i < l->listeners.n; i++) {
        const struct hal9_listener *s = &l->listeners.v[i];
        const int f = s->proto == proto && s->port == port ? fit(s, at) : 0;
        best = f > best ? f : best;
    }
    return best;
}

/* A unit's socket that systemd itself holds until somebody connects. */
static bool is_activation(const struct hal9_service_ref *service, const struct hal9_proc *p) {
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    if (p->id.pid != 1 || !service->unit || hal9_systemd_show(service->unit, &u, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < u.triggered_by.n; i++)
        if (hal9_endswith(u.triggered_by.v[i], ".socket"))
            return true;
    return false;
}

/* What forwards a container's ports from outside of it. */
static bool is_forwarder(const struct hal9_service_ref *service, const struct hal9_proc *p) {
    static const char *const names[] = {"docker-proxy", "rootlessport", "slirp4netns", "pasta",
                                        "pasta.avx2"};
    for (size_t i = 0; service->identity.container && i < HAL9_ARRAY_LEN(names); i++)
        if (hal9_streq(p->comm, names[i]))
            return true;
    return false;
}

/* Our program by its looks: but is it the one that was started? */
static enum hal9_owner judge_identity(const struct hal9_service_ref *s, const struct hal9_proc *p,
                                      char **ret_why) {
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    if (s->recorded.pid > 0 && hal9_proc_alive(&s->recorded) == HAL9_ALIVE) {
        *ret_why = hal9_strf("the one that was started is pid %d", (int)s->recorded.pid);
        return HAL9_OWNER_WRONG;
    }
    if (!s->unit || hal9_streq(p->unit, s->unit) ||
        hal9_systemd_show(s->unit, &u, NULL) != HAL9_OK || u.main_pid == 0 ||
        u.main_pid == p->id.pid)
        return HAL9_OWNER_OURS;
    *ret_why = hal9_strf("the main process of %s is pid %d", s->unit, (int)u.main_pid);
    return HAL9_OWNER_WRONG;
}

static enum hal9_owner judge_proc(const struct hal9_service_ref *s, const struct hal9_proc *p,
                                  char **ret_why) {
    if (!s)
        return HAL9_OWNER_OURS;
    switch (hal9_service_is(s, p)) {
    case HAL9_SERVICE_BY_PLACE:
    case HAL9_SERVICE_BY_RECORD:
        return HAL9_OWNER_OURS;
    case HAL9_SERVICE_BY_IDENTITY:
        return judge_identity(s, p, ret_why);
    case HAL9_SERVICE_CANT_TELL:
        *ret_why = hal9_strf("whether that is %s is not visible to you (uid %u); run as root",
                             hal9_service_word(s), (unsigned)getuid());
        return HAL9_OWNER_UNKNOWN;
    default:
        return is_activation(s, p) || is_forwarder(s, p) ? HAL9_OWNER_OURS : HAL9_OWNER_OTHER;
    }
}

/* No holder was found: hidden, or in another pid namespace. */
static char *explain_hidden(const struct hal9_look *l, uint16_t port) {
    if (l->holders.hidden)
        return hal9_strf("the listener of %u is not visible to you (uid %u); run as root", port,
                         (unsigned)getuid());
    return hal9_strf("the listener of %u belongs to no process that can be seen here", port);
}

/* A stranger with the service's own name is told by its path, or the words would say that X is not X. */
static char *who_else(const struct hal9_service_ref *service, const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    if (service && p->exe && hal9_streq(name, service->name))
        return hal9_strf("%s (pid %d)", p->exe, (int)p->id.pid);
    return hal9_proc_who(p);
}

static void judge_listener(const struct hal9_look *l, size_t index,
                           const struct hal9_service_ref *service, struct hal9_owner_view *ret) {
    const struct hal9_proc *best = NULL;
    char address[64];
    ret->listener = l->listeners.v[index];
    hal9_addr_text(&ret->listener.addr, ret->listener.port, address);
    ret->address = hal9_strdup(address);
    ret->owner = HAL9_OWNER_UNKNOWN;
    for (size_t i = 0; i < l->holders.n; i++) {
        _cleanup_free_ char *why = NULL;
        if (l->holders.v[i].listener != index)
            continue;
        const enum hal9_owner o = judge_proc(service, &l->holders.v[i].proc, &why);
        if (best && rank_in_listener[o] <= rank_in_listener[ret->owner])
            continue;
        best = &l->holders.v[i].proc;
        ret->owner = o;
        free(ret->why);
        ret->why = HAL9_TAKE_PTR(why);
    }
    if (!best) {
        ret->why = explain_hidden(l, ret->listener.port);
        return;
    }
    hal9_proc_copy(&ret->proc, best);
    ret->has_proc = true;
    ret->who = who_else(service, best);
}

/* Keeps the worse of two listeners; *have is the one so far. */
static void keep_worse(struct hal9_owner_view *have, struct hal9_owner_view *next) {
    if (have->owner == HAL9_OWNER_NOBODY) {
        *have = *next;
        return;
    }
    const bool worse = rank_of_port[next->owner] > rank_of_port[have->owner];
    struct hal9_owner_view keep = worse ? *next : *have, drop = worse ? *have : *next;
    if (!keep.besides && drop.besides)
        keep.besides = HAL9_TAKE_PTR(drop.besides);
    else if (!keep.besides && drop.owner == HAL9_OWNER_OURS && keep.owner != HAL9_OWNER_OURS)
        keep.besides = hal9_strdup(drop.address);
    hal9_owner_view_clear(&drop);
    *have = keep;
}

static void judge_port(const struct hal9_look *l, const struct hal9_service_ref *service,
                       enum hal9_proto proto, uint16_t port, const struct hal9_addr *at,
                       struct hal9_owner_view *ret) {
    const int wanted = best_fit(l, proto, port, at);
    *ret = (struct hal9_owner_view){.owner = HAL9_OWNER_NOBODY};
    for (size_t i = 0; i < l->listeners.n; i++) {
        const struct hal9_listener *s = &l->listeners.v[i];
        struct hal9_owner_view one = {0};
        if (s->proto != proto || s->port != port || (at && (wanted == 0 || fit(s, at) != wanted)))
            continue;
        judge_listener(l, i, service, &one);
        keep_worse(ret, &one);
    }
}

void hal9_owner_judge(struct hal9_look *l, const struct hal9_service_ref *service,
                      enum hal9_proto proto, uint16_t port, const struct hal9_addr *at,
                      struct hal9_owner_view *ret) {
    if (l->status == HAL9_OK)
        judge_port(l, service, proto, port, at, ret);
    if (l->status == HAL9_OK && !l->all && ret->owner != HAL9_OWNER_OURS &&
        ret->owner != HAL9_OWNER_NOBODY) {
        hal9_owner_view_clear(ret);
        hal9_look_all(l);
        if (l->status == HAL9_OK)
            judge_port(l, service, proto, port, at, ret);
    }
    if (l->status != HAL9_OK)
        *ret = (struct hal9_owner_view){.owner = HAL9_OWNER_UNKNOWN,
                                        .why = hal9_strdup(l->err.message)};
}

void hal9_owner_view_clear(struct hal9_owner_view *v) {
    if (v->has_proc)
        hal9_proc_clear(&v->proc);
    free(v->who);
    free(v->address);
    free(v->besides);
    free(v->why);
    *v = (struct hal9_owner_view){.owner = HAL9_OWNER_NOBODY};
}
