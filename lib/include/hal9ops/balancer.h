/*
 * hal9ops/balancer.h - load balancers: the configuration of each kind.
 *
 * Floor 4.
 */
#ifndef HAL9OPS_BALANCER_H
#define HAL9OPS_BALANCER_H

#include <hal9ops/doc.h>

/* One entry of balancers: exactly one kind is set. */
struct hal9_balancer_spec {
    char *name;
    struct hal9_strv haproxy; /* sockets: unix:PATH or tcp:HOST:PORT; several are one balancer */
    char *caddy;              /* admin API's URL */
    char *nginx;              /* upstream file */
    char *http;               /* admin API's URL */
    char *token;              /* reference, or NULL */
};
extern const struct hal9_schema hal9_balancer_schema;
/* The kind that is set: "haproxy", "caddy", ... or NULL. Static. */
HAL9_API const char *hal9_balancer_kind(const struct hal9_balancer_spec *b);

#endif
