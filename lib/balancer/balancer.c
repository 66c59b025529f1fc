/* The schema of balancers:, one kind an entry. */
#include "hal9ops/balancer.h"

#define AT(member) offsetof(struct hal9_balancer_spec, member)

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_KEY,
     .doc = "what parts and drains call it"},
    {.key = "haproxy",
     .type = HAL9_T_STRV,
     .offset = AT(haproxy),
     .doc = "Runtime API sockets, unix:PATH or tcp:HOST:PORT; several make one balancer"},
    {.key = "caddy", .type = HAL9_T_STRING, .offset = AT(caddy), .doc = "URL of Caddy's admin API"},
    {.key = "nginx",
     .type = HAL9_T_STRING,
     .offset = AT(nginx),
     .doc = "upstream file that nginx includes"},
    {.key = "http", .type = HAL9_T_STRING, .offset = AT(http), .doc = "URL of a routing admin API"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = AT(token),
     .doc = "reference to the API's token"},
    {0},
};

const char *hal9_balancer_kind(const struct hal9_balancer_spec *b) {
    if (b->haproxy.n > 0)
        return "haproxy";
    if (b->caddy)
        return "caddy";
    if (b->nginx)
        return "nginx";
    return b->http ? "http" : NULL;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_balancer_spec *b = object;
    int kinds = (b->haproxy.n > 0) + (b->caddy != NULL) + (b->nginx != NULL) + (b->http != NULL);

    if (kinds != 1)
        hal9_decoder_error(
            d, n, "a balancer wants exactly one of haproxy, caddy, nginx and http, not %d", kinds);
}

const struct hal9_schema hal9_balancer_schema = {
    .name = "a balancer",
    .size = sizeof(struct hal9_balancer_spec),
    .fields = fields,
    .finish = finish,
    .doc = "a load balancer, by its kind",
};
