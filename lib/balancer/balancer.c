/* The schema of balancers:, one kind an entry. */
#include "hal9ops/balancer.h"

#include "base/cleanup.h"
#include "net/haproxy.h"

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
    {.key = "state_file",
     .type = HAL9_T_STRING,
     .offset = AT(state_file),
     .doc = "haproxy: its server-state-file, written after each change so that a reload keeps it"},
    {.key = "caddy", .type = HAL9_T_STRING, .offset = AT(caddy), .doc = "URL of Caddy's admin API"},
    {.key = "nginx",
     .type = HAL9_T_STRING,
     .offset = AT(nginx),
     .doc = "upstream file that nginx includes"},
    {.key = "test",
     .type = HAL9_T_STRV,
     .offset = AT(test),
     .doc = "nginx: command that tests its configuration; nginx -t -q"},
    {.key = "reload",
     .type = HAL9_T_STRV,
     .offset = AT(reload),
     .doc = "nginx: command that reloads it; nginx -s reload"},
    {.key = "pid",
     .type = HAL9_T_STRING,
     .offset = AT(pid),
     .doc = "nginx: its pid file; /run/nginx.pid"},
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

/* The node of the i-th socket: the list's item, or the one value. */
static const struct hal9_node *socket_node(const struct hal9_node *n, size_t i) {
    const struct hal9_node *list = hal9_node_get(n, "haproxy");

    return list && list->kind == HAL9_NODE_LIST && i < list->n ? list->items[i] : list ? list : n;
}

static void check_sockets(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_balancer_spec *b) {
    for (size_t i = 0; i < b->haproxy.n; i++) {
        _cleanup_free_ char *wrong = hal9_haproxy_wrong(b->haproxy.v[i]);

        if (wrong) {
            hal9_decoder_error(d, socket_node(n, i), "%s", wrong);
            hal9_decoder_hint(d, "for example  unix:/run/haproxy/admin.sock  or  tcp:lb1:9999");
        }
        for (size_t k = 0; k < i; k++)
            if (hal9_streq(b->haproxy.v[i], b->haproxy.v[k]))
                hal9_decoder_error(d, socket_node(n, i), "socket %s is told twice",
                                   b->haproxy.v[i]);
    }
}

static void check_state_file(struct hal9_decoder *d, const struct hal9_node *n,
                             const struct hal9_balancer_spec *b) {
    const struct hal9_node *at = hal9_node_get(n, "state_file");

    if (!b->state_file)
        return;
    if (b->haproxy.n == 0)
        hal9_decoder_error(d, at, "state_file belongs to haproxy");
    else if (b->state_file[0] != '/')
        hal9_decoder_error(d, at, "state_file wants an absolute path, not '%s'", b->state_file);
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_balancer_spec *b = object;
    int kinds = (b->haproxy.n > 0) + (b->caddy != NULL) + (b->nginx != NULL) + (b->http != NULL);

    if (kinds != 1)
        hal9_decoder_error(
            d, n, "a balancer wants exactly one of haproxy, caddy, nginx and http, not %d", kinds);
    check_sockets(d, n, b);
    check_state_file(d, n, b);
    if (!b->nginx && (b->test.n > 0 || b->reload.n > 0 || b->pid))
        hal9_decoder_error(d, n, "test, reload and pid belong to an nginx balancer");
}

const struct hal9_schema hal9_balancer_schema = {
    .name = "a balancer",
    .size = sizeof(struct hal9_balancer_spec),
    .fields = fields,
    .finish = finish,
    .doc = "a load balancer, by its kind",
};
