/* What a kind of balancer gives: one file a kind, one line in table.c. And what the drivers share. */
#ifndef HAL9_BALANCER_DRIVER_H
#define HAL9_BALANCER_DRIVER_H

#include "hal9ops/balancer.h"
#include "hal9ops/sys.h"

struct hal9_balancer_driver {
    const char *key; /* "haproxy" */
    /* Fills a view that has only its backend (bal_view_add()); lean: sessions and old_sessions aren't asked for. backend is also what the messages call it. Bounded: a peer that accepts and never answers is
     * HAL9_E_TIMEOUT. The caller clears the view on errors, too. */
    hal9_status (*look)(const struct hal9_balancer_spec *b, const char *backend, int cancel_fd,
                        struct hal9_balancer_view *ret, struct hal9_error *err);
    /* servers: {NAME: {weight?, admin?}}: only what differs from the state now is told by the caller, and all names are in the view; all of it in as
     * few exchanges as the kind allows. now: the view that the caller looked at (ETag, a file's stat: a change in between is HAL9_E_DRIFT). Durable
     * where the kind can (server-state file, autosave). Must be safe to do again. */
    hal9_status (*set)(const struct hal9_balancer_spec *b, const char *backend,
                       const cJSON *servers, const struct hal9_balancer_view *now, int cancel_fd,
                       struct hal9_error *err);
    /* The same, and what is so after it, where that is cheap to tell (lean; *ret_after is zeroed but for its backend). NULL: only set. */
    hal9_status (*set_and_look)(const struct hal9_balancer_spec *b, const char *backend,
                                const cJSON *servers, const struct hal9_balancer_view *now,
                                int cancel_fd, struct hal9_balancer_view *ret_after,
                                struct hal9_error *err);
    /* Canonical names for locks: "haproxy:SOCKET/backend". NULL: "balancer:KIND/ADDRESS/backend" with the address as configured. */
    hal9_status (*resources)(const struct hal9_balancer_spec *b, const char *backend,
                             struct hal9_strv *ret, struct hal9_error *err);
};

/* One line a kind: in table.c. */
extern const struct hal9_balancer_driver hal9_balancer_haproxy, hal9_balancer_nginx,
    hal9_balancer_caddy, hal9_balancer_http;

/* table.c: the driver of a spec. HAL9_E_UNSUPPORTED, by name, where there is none. */
hal9_status bal_driver(const struct hal9_balancer_spec *b, const struct hal9_balancer_driver **ret,
                       struct hal9_error *err);
/* As hal9_balancer_look(), without the sessions where that is cheaper. */
hal9_status bal_look(const struct hal9_balancer_spec *b, const char *backend, bool lean,
                     int cancel_fd, struct hal9_balancer_view *ret, struct hal9_error *err);
/* Names of the locks of a backend, by its driver. */
hal9_status bal_resources(const struct hal9_balancer_spec *b, const char *backend,
                          struct hal9_strv *ret, struct hal9_error *err);

/* view.c: a new server: weights, up, sessions and idle unknown (-1), ready. */
struct hal9_balancer_server *bal_view_add(struct hal9_balancer_view *v, const char *name);
struct hal9_balancer_server *bal_view_find(const struct hal9_balancer_view *v, const char *name);
/* {"weight"?, "admin", "differs"?}, fresh. */
cJSON *bal_server_json(const struct hal9_balancer_server *s);
/* HAL9_E_NOT_FOUND: "balancer edge: no backend 'hal'"; hint: the nearest of known, else all of them. */
hal9_status bal_no_backend(const struct hal9_balancer_spec *b, const char *backend,
                           const struct hal9_strv *known, struct hal9_error *err);
/* HAL9_E_NOT_FOUND: "backend hal9 of balancer edge has no server 's9'"; hint as above. */
hal9_status bal_no_server(const char *balancer, const struct hal9_balancer_view *v,
                          const char *server, struct hal9_error *err);
/* address.c: "127.0.0.1:9001", "[::1]:9001", "127.0.0.1" (port 80 then). False: a name, a path, or NULL. */
bool bal_address_parse(const char *text, struct hal9_addr *ret_addr, uint16_t *ret_port);

#endif
