/* A reverse_proxy handler of Caddy's configuration: its servers, and how they are written back. */
#ifndef HAL9_BALANCER_CADDY_HANDLER_H
#define HAL9_BALANCER_CADDY_HANDLER_H

#include "balancer/driver.h"

/* Caddy has neither states nor, but for weighted_round_robin, weights: elsewhere a server's weight is how many times it stands among the upstreams. One
 * that is off is not among them; it is kept in a handle_response of the same handler that no response matches, so that Caddy itself remembers it. */
struct caddy_server {
    cJSON *upstream; /* as it stands there, owned */
    int64_t weight;
    enum hal9_admin admin;
};
struct caddy_handler {
    cJSON *json; /* owned */
    struct caddy_server *v;
    size_t n, cap;
    bool weighted; /* weighted_round_robin */
};
/* Takes json. HAL9_E_CONFIG: it is no reverse_proxy, or one with upstreams that aren't told by address. */
hal9_status caddy_handler_read(cJSON *json, struct caddy_handler *ret, struct hal9_error *err);
void caddy_handler_clear(struct caddy_handler *h);
const char *caddy_server_name(const struct caddy_server *s);
struct caddy_server *caddy_handler_find(const struct caddy_handler *h, const char *name);
/* Puts the servers back into json. HAL9_E_LIMIT: weights that take too many entries. */
hal9_status caddy_handler_write(struct caddy_handler *h, struct hal9_error *err);

#endif
