/* What runs of that which is to be stopped: holders of sockets, processes of a service, or a given few. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

void wl_seen_clear(struct wl_seen *s) {
    for (size_t i = 0; i < s->n; i++)
        hal9_proc_clear(&s->v[i]);
    free(s->v);
    *s = (struct wl_seen){0};
}

static const cJSON *listed_processes(const struct wl_stop *s) {
    return cJSON_GetObjectItemCaseSensitive(s->args, "processes");
}

const cJSON *wl_stop_listed(const struct wl_stop *s, const struct hal9_proc_id *id) {
    const cJSON *one;
    struct hal9_proc_id listed;
    cJSON_ArrayForEach(one, listed_processes(s)) {
        if (wl_id_parse(one, &listed) && listed.pid == id->pid && listed.start == id->start)
            return one;
    }
    return NULL;
}

/* Whether it runs the program that it ran when it was listed; unknown then or now: nothing speaks against it. */
static bool same_program(const cJSON *listed, const struct hal9_proc *p) {
    uint64_t ino = hal9_json_u64(listed, "ino");
    return !ino || !p->exe_ino || (ino == p->exe_ino && hal9_json_u64(listed, "dev") == p->exe_dev);
}

static bool is_wanted_socket(const struct wl_stop *s, const struct hal9_listener *l) {
    for (size_t i = 0; i < s->sockets.n; i++) {
        const struct hal9_listener *w = &s->sockets.v[i];
        bool same = w->cookie && l->cookie ? w->cookie == l->cookie : w->inode == l->inode;
        if (same && w->proto == l->proto && w->port == l->port)
            return true;
    }
    return false;
}

hal9_status wl_stop_listening(const struct wl_stop *s, struct hal9_listeners *ret,
                              struct hal9_error *err) {
    _cleanup_(hal9_ports_clear) struct hal9_ports ports = {0};
    _cleanup_(hal9_listeners_clear) struct hal9_listeners all = {0};
    unsigned protos = 0;
    for (size_t i = 0; i < s->sockets.n; i++) {
        hal9_ports_add(&ports, s->sockets.v[i].port, s->sockets.v[i].port);
        protos |= s->sockets.v[i].proto;
    }
    if (!protos)
        return HAL9_OK; /* none told, or of an earlier boot */
    hal9_status st = hal9_sock_listeners(&ports, protos, &all, err);
    for (size_t i = 0; st == HAL9_OK && i < all.n; i++)
        if (is_wanted_socket(s, &all.v[i]))
            *HAL9_APPEND(ret->v, ret->n, ret->cap) = all.v[i];
    return st;
}

/* A worker that was forked since: a descendant of one that is to be stopped, or the same program. */
static bool is_kin(const struct wl_stop *s, const struct hal9_proc *p) {
    const cJSON *one;
    cJSON_ArrayForEach(one, listed_processes(s)) {
        struct hal9_proc_id id;
        if (hal9_json_u64(one, "ino") && p->exe_ino && same_program(one, p))
            return true;
        if (wl_id_parse(one, &id) && wl_alive(&id) == HAL9_ALIVE &&
            hal9_proc_descends(p->id.pid, id.pid))
            return true;
    }
    return false;
}

static hal9_status refuse_stranger(const struct hal9_proc *p, struct hal9_error *err) {
    _cleanup_free_ char *who = wl_proc_words(p);
    hal9_error_set(err, HAL9_E_REFUSED,
                   "%s has the socket, too, and is none of those to be stopped", who);
    hal9_error_hint(err, "hal9-portfix --list --all tells who holds it; then run this again");
    return HAL9_E_REFUSED;
}

static bool seen_has(const struct wl_seen *seen, const struct hal9_proc_id *id) {
    for (size_t i = 0; i < seen->n; i++)
        if (hal9_proc_id_equal(&seen->v[i].id, id))
            return true;
    return false;
}

static hal9_status look_at_holders(const struct wl_stop *s, struct wl_seen *ret,
                                   struct hal9_error *err) {
    _cleanup_(hal9_listeners_clear) struct hal9_listeners now = {0};
    _cleanup_(hal9_holders_clear) struct hal9_holders holders = {0};
    hal9_status st = wl_stop_listening(s, &now, err);
    if (st == HAL9_OK && now.n > 0)
        st = hal9_sock_holders(&now, HAL9_HOLDERS_ALL, NULL, &holders, err);
    ret->listening = now.n;
    ret->hidden = holders.hidden;
    for (size_t i = 0; st == HAL9_OK && i < holders.n; i++) {
        const struct hal9_proc *p = &holders.v[i].proc;
        const cJSON *listed = wl_stop_listed(s, &p->id);
        if (seen_has(ret, &p->id))
            continue;
        if (listed ? same_program(listed, p) : is_kin(s, p))
            hal9_proc_copy(HAL9_APPEND(ret->v, ret->n, ret->cap), p);
        else
            st = refuse_stranger(p, err);
    }
    return st;
}

/* Those of the list that still are what they were. */
static hal9_status look_at_listed(const struct wl_stop *s, struct wl_seen *ret,
                                  struct hal9_error *err) {
    const cJSON *one;
    cJSON_ArrayForEach(one, listed_processes(s)) {
        struct hal9_proc_id id;
        struct hal9_proc p;
        enum hal9_alive alive = wl_id_parse(one, &id) ? wl_alive(&id) : HAL9_GONE;
        if (alive == HAL9_HIDDEN)
            return hal9_error_set(err, HAL9_E_UNKNOWN,
                                  "whether process %d still runs can't be told from here",
                                  (int)id.pid);
        if (alive == HAL9_GONE || hal9_proc_read(id.pid, HAL9_PROC_ALL, &p, NULL) != HAL9_OK)
            continue;
        if (p.id.start == id.start && same_program(one, &p))
            *HAL9_APPEND(ret->v, ret->n, ret->cap) = p;
        else
            hal9_proc_clear(&p);
    }
    return HAL9_OK;
}

/* Known by its program alone, and somebody else's: of a container, or of a unit of the system. */
static bool has_other_supervisor(const struct hal9_service_ref *ref, const struct hal9_proc *p) {
    _cleanup_(hal9_proc_clear) struct hal9_proc self = {0};
    if ((!p->container && !p->unit) || hal9_service_is(ref, p) != HAL9_SERVICE_BY_IDENTITY ||
        hal9_proc_read(getpid(), HAL9_PROC_CGROUP, &self, NULL) != HAL9_OK)
        return false;
    if (p->container)
        return !ref->identity.container && !hal9_streq(p->container, self.container);
    return !ref->identity.unit && hal9_startswith(p->cgroup, "/system.slice/") &&
           !wl_unit_never(p->unit) && !hal9_streq(p->unit, self.unit);
}

hal9_status wl_service_procs(const struct hal9_service_ref *ref, struct wl_seen *ret,
                             struct hal9_error *err) {
    hal9_status st = hal9_service_procs(ref, &ret->v, &ret->n, NULL, err);
    size_t kept = 0;
    if (st != HAL9_OK)
        return st;
    ret->cap = ret->n;
    for (size_t i = 0; i < ret->n; i++)
        if (has_other_supervisor(ref, &ret->v[i]))
            hal9_proc_clear(&ret->v[i]);
        else
            ret->v[kept++] = ret->v[i];
    ret->n = kept;
    return HAL9_OK;
}

hal9_status wl_stop_look(const struct wl_stop *s, struct wl_seen *ret, struct hal9_error *err) {
    switch (s->what) {
    case WL_HOLDERS:
        return look_at_holders(s, ret, err);
    case WL_SERVICE:
        return wl_service_procs(&s->ref, ret, err);
    default:
        return look_at_listed(s, ret, err);
    }
}

hal9_status wl_stop_glance(const struct wl_stop *s, struct wl_seen *ret, struct hal9_error *err) {
    if (s->what == WL_SERVICE)
        return wl_service_procs(&s->ref, ret, err);
    _cleanup_(hal9_listeners_clear) struct hal9_listeners now = {0};
    hal9_status st = wl_stop_listening(s, &now, err);
    ret->listening = now.n;
    if (st != HAL9_OK || (s->what == WL_HOLDERS && now.n == 0))
        return st;
    return look_at_listed(s, ret, err);
}
