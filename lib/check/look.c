/* Looks once for all ports that checks ask for. */
#include "check/look.h"

#include <string.h>

#include "base/cleanup.h"

static void add_name(struct hal9_strv *names, const char *name) {
    if (name && *name && !hal9_strv_has(names, name))
        hal9_strv_add(names, name);
}

void hal9_look_add(struct hal9_look *l, enum hal9_proto proto, uint16_t port,
                   const struct hal9_service_ref *service) {
    hal9_ports_add(proto == HAL9_UDP ? &l->udp : &l->tcp, port, port);
    if (!service)
        return;
    const char *exe = service->identity.exe;
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    add_name(&l->names, slash ? slash + 1 : exe);
    add_name(&l->names, service->name);
}

static void find_holders(struct hal9_look *l, enum hal9_holders_depth depth) {
    if (l->status == HAL9_OK)
        l->status = hal9_sock_holders(&l->listeners, depth, (const char *const *)l->names.v,
                                      &l->holders, &l->err);
}

void hal9_look_run(struct hal9_look *l) {
    l->status = HAL9_OK;
    if (l->tcp.n > 0)
        l->status = hal9_sock_listeners(&l->tcp, HAL9_TCP, &l->listeners, &l->err);
    if (l->udp.n > 0 && l->status == HAL9_OK)
        l->status = hal9_sock_listeners(&l->udp, HAL9_UDP, &l->listeners, &l->err);
    if (l->listeners.n > 0)
        find_holders(l, HAL9_HOLDERS_FIRST);
}

void hal9_look_all(struct hal9_look *l) {
    if (l->all || l->listeners.n == 0)
        return;
    l->all = true;
    hal9_holders_clear(&l->holders);
    find_holders(l, HAL9_HOLDERS_ALL);
}

void hal9_look_clear(struct hal9_look *l) {
    hal9_ports_clear(&l->tcp);
    hal9_ports_clear(&l->udp);
    hal9_strv_free(&l->names);
    hal9_listeners_clear(&l->listeners);
    hal9_holders_clear(&l->holders);
    hal9_error_clear(&l->err);
    *l = (struct hal9_look){0};
}
