/* Who has a port, in words, as JSON, and what to stop instead. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

void wl_taker_clear(struct wl_taker *t) {
    hal9_proc_clear(&t->proc);
    free(t->name);
    free(t->parent);
    *t = (struct wl_taker){0};
}

char *wl_port_words(enum hal9_proto proto, uint16_t port) {
    return hal9_strf("%u/%s", port, proto == HAL9_UDP ? "udp" : "tcp");
}

void wl_port_parse(const cJSON *args, enum hal9_proto *ret_proto, uint16_t *ret_port) {
    *ret_proto = hal9_streq(hal9_json_str(args, "proto"), "udp") ? HAL9_UDP : HAL9_TCP;
    *ret_port = (uint16_t)hal9_json_int(args, "port", 0);
}

static void fill(struct wl_taker *t, const struct hal9_proc *p) {
    _cleanup_(hal9_proc_clear) struct hal9_proc parent = {0};
    t->visible = true;
    hal9_proc_copy(&t->proc, p);
    t->name = hal9_proc_name(p);
    if (p->ppid > 1 && hal9_proc_read(p->ppid, HAL9_PROC_ALL, &parent, NULL) == HAL9_OK)
        t->parent = hal9_proc_name(&parent);
}

/* A socket that none of its visible holders has as the owner's is taken. */
static bool is_taken(const struct hal9_holders *h, size_t listener,
                     const struct hal9_service_ref *owner, const struct hal9_proc **ret) {
    *ret = NULL;
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].listener != listener)
            continue;
        if (owner && hal9_service_is(owner, &h->v[i].proc) > HAL9_SERVICE_CANT_TELL)
            return false;
        *ret = *ret ? *ret : &h->v[i].proc;
    }
    return true;
}

hal9_status wl_taker_find(enum hal9_proto proto, uint16_t port,
                          const struct hal9_service_ref *owner, bool *ret_found,
                          struct wl_taker *ret, struct hal9_error *err) {
    _cleanup_(hal9_ports_clear) struct hal9_ports ports = {0};
    _cleanup_(hal9_listeners_clear) struct hal9_listeners now = {0};
    _cleanup_(hal9_holders_clear) struct hal9_holders holders = {0};
    hal9_ports_add(&ports, port, port);
    hal9_status st = hal9_sock_listeners(&ports, proto, &now, err);
    if (st == HAL9_OK && now.n > 0)
        st = hal9_sock_holders(&now, HAL9_HOLDERS_FIRST, NULL, &holders, err);
    if (st != HAL9_OK)
        return st;
    *ret_found = false;
    for (size_t i = 0; i < now.n && !*ret_found; i++) {
        const struct hal9_proc *p;
        *ret_found = is_taken(&holders, i, owner, &p);
        if (!*ret_found)
            continue;
        *ret = (struct wl_taker){.socket = now.v[i]};
        if (p)
            fill(ret, p);
    }
    return HAL9_OK;
}

cJSON *wl_taker_json(const struct wl_taker *t) {
    if (!t->visible) {
        cJSON *hidden = cJSON_CreateObject();
        _cleanup_free_ char *user = hal9_user_name(t->socket.uid);
        hal9_json_add_str(hidden, "user", user);
        return hidden;
    }
    cJSON *j = wl_proc_json(&t->proc);
    hal9_json_add_str(j, "container", t->proc.container);
    if (t->proc.ppid > 0) {
        cJSON *parent = cJSON_AddObjectToObject(j, "parent");
        hal9_json_add_int(parent, "pid", t->proc.ppid);
        hal9_json_add_str(parent, "name", t->parent);
    }
    return j;
}

char *wl_taker_words(const struct wl_taker *t) {
    if (!t->visible) {
        _cleanup_free_ char *user = hal9_user_name(t->socket.uid);
        return hal9_strf("a process of user %s that can't be seen from here", user);
    }
    if (t->proc.unit)
        return hal9_strf("%s (pid %d, unit %s)", t->name, (int)t->proc.id.pid, t->proc.unit);
    if (t->parent)
        return hal9_strf("%s (pid %d, started by %s, pid %d)", t->name, (int)t->proc.id.pid,
                         t->parent, (int)t->proc.ppid);
    return hal9_strf("%s (pid %d)", t->name, (int)t->proc.id.pid);
}

void wl_taker_hint(const struct wl_taker *t, struct hal9_error *err) {
    const struct hal9_proc *p = &t->proc;
    if (!t->visible)
        hal9_error_hint(err, "run as root to see who it is");
    else if (p->container)
        hal9_error_hint(err, "stop its container, %.12s", p->container);
    else if (p->unit)
        hal9_error_hint(err, "stop its unit: systemctl stop %s", p->unit);
    else if (t->parent)
        hal9_error_hint(err, "stop what starts it first: %s (pid %d)", t->parent, (int)p->ppid);
    else
        hal9_error_hint(err, "find what starts it: a supervisor, cron, or another operator");
}
