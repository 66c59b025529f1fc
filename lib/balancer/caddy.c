/*
 * Caddy, by its admin API: a backend is the "@id" of a reverse_proxy handler (or, with slashes, its path in the configuration). A change is one PATCH of
 * that handler, guarded by the ETag of what was read; Caddy saves its configuration itself (caddy run --resume).
 */
#include <string.h>

#include "balancer/api.h"
#include "balancer/caddy-handler.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

static char *path_of(const char *backend) {
    while (*backend == '/')
        backend++;
    return hal9_strf(strchr(backend, '/') ? "/config/%s" : "/id/%s", backend);
}

/* ---- which backends there are ---- */

static void find_ids(const cJSON *j, struct hal9_strv *ret) {
    const cJSON *child;

    if (cJSON_IsObject(j) && hal9_streq(hal9_json_str(j, "handler"), "reverse_proxy"))
        hal9_strv_add(ret, hal9_json_str(j, "@id"));
    cJSON_ArrayForEach(child, j) {
        if (cJSON_IsObject(child) || cJSON_IsArray(child))
            find_ids(child, ret); /* as deep as the parser allows: 100 */
    }
}

static hal9_status no_backend(const struct hal9_balancer_spec *b, const char *backend,
                              int cancel_fd, struct hal9_error *err) {
    const struct bal_api_call all = {.url = b->caddy, .path = "/config/"};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    _cleanup_strv_ struct hal9_strv known = {0};
    _cleanup_json_ cJSON *json = NULL;

    if (bal_api(b, &all, cancel_fd, &r, NULL) == HAL9_OK && r.status == 200 &&
        bal_api_json(b, &all, &r, &json, NULL) == HAL9_OK)
        find_ids(json, &known);
    bal_no_backend(b, backend, &known, err);
    if (known.n == 0)
        hal9_error_hint(err, "no reverse_proxy of its configuration has an \"@id\"; give one, or "
                             "name its path: apps/http/servers/NAME/routes/0/handle/0");
    return HAL9_E_NOT_FOUND;
}

/* ---- looking ---- */

static hal9_status read_handler(const struct hal9_balancer_spec *b, const char *backend,
                                int cancel_fd, struct caddy_handler *ret, char **ret_etag,
                                struct hal9_error *err) {
    _cleanup_free_ char *path = path_of(backend);
    const struct bal_api_call call = {.url = b->caddy, .path = path};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    cJSON *json = NULL;
    hal9_status st = bal_api(b, &call, cancel_fd, &r, err);

    if (st != HAL9_OK)
        return st;
    if (r.status == 404 || r.status == 400) /* 400: a path that leads nowhere */
        return no_backend(b, backend, cancel_fd, err);
    if (r.status != 200)
        return bal_api_refused(b, &call, &r, err);
    st = bal_api_json(b, &call, &r, &json, err);
    if (st == HAL9_OK && (st = caddy_handler_read(json, ret, err)) != HAL9_OK)
        hal9_error_prefix(err, "balancer %s: backend %s", b->name, backend);
    if (st == HAL9_OK)
        *ret_etag = hal9_strdup(hal9_http_header(&r, "etag"));
    return st;
}

/* Requests under way, as Caddy counts them. It forgets servers that it was told to leave out, so these stay unknown. */
static void count_requests(const struct hal9_balancer_spec *b, int cancel_fd,
                           struct hal9_balancer_view *v) {
    const struct bal_api_call call = {.url = b->caddy, .path = "/reverse_proxy/upstreams"};
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    _cleanup_json_ cJSON *json = NULL;
    const cJSON *one;

    if (bal_api(b, &call, cancel_fd, &r, NULL) != HAL9_OK || r.status != 200 ||
        bal_api_json(b, &call, &r, &json, NULL) != HAL9_OK)
        return;
    cJSON_ArrayForEach(one, json) {
        const char *address = hal9_json_str(one, "address");
        struct hal9_balancer_server *s = address ? bal_view_find(v, address) : NULL;

        if (s)
            s->sessions = hal9_json_int(one, "num_requests", -1);
    }
}

/* For those: connections to them that the process behind the API still has. */
static void count_connections(uint16_t admin_port, struct hal9_balancer_view *v) {
    struct hal9_listeners l = {0};
    struct hal9_holders h = {0};

    if (hal9_sock_first_listener(HAL9_TCP, admin_port, &l, NULL) == HAL9_OK && l.n > 0 &&
        hal9_sock_holders(&l, HAL9_HOLDERS_FIRST, NULL, &h, NULL) == HAL9_OK && h.n > 0) {
        for (size_t i = 0; i < v->n; i++) {
            struct hal9_addr addr;
            struct hal9_connections_want want = {.states = 1U << HAL9_TCP_ESTABLISHED,
                                                 .peer = &addr};
            size_t n;

            if (v->v[i].sessions < 0 && bal_address_parse(v->v[i].name, &addr, &want.peer_port) &&
                hal9_connections_held(&want, &h.v[0].proc.id.pid, 1, &n, NULL) == HAL9_OK)
                v->v[i].sessions = (int64_t)n;
        }
    }
    hal9_holders_clear(&h);
    hal9_listeners_clear(&l);
}

static hal9_status look(const struct hal9_balancer_spec *b, const char *backend, int cancel_fd,
                        struct hal9_balancer_view *ret, struct hal9_error *err) {
    _cleanup_(caddy_handler_clear) struct caddy_handler h = {0};
    _cleanup_free_ char *etag = NULL;
    hal9_status st = read_handler(b, backend, cancel_fd, &h, &etag, err);
    uint16_t port;

    if (st != HAL9_OK)
        return st;
    for (size_t i = 0; i < h.n; i++) {
        struct hal9_balancer_server *s = bal_view_add(ret, caddy_server_name(&h.v[i]));

        s->address = hal9_strdup(s->name);
        s->weight = h.v[i].weight;
        s->admin = h.v[i].admin;
    }
    count_requests(b, cancel_fd, ret);
    if (bal_api_local(b->caddy, &port))
        count_connections(port, ret);
    else
        ret->shared = ret->remote = true;
    return HAL9_OK;
}

/* ---- writing ---- */

static hal9_status drift(const struct hal9_balancer_spec *b, const char *backend,
                         struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_DRIFT, "balancer %s: backend %s was changed meanwhile", b->name,
                   backend);
    hal9_error_hint(err, "see what it is now, and run this again");
    return HAL9_E_DRIFT;
}

static hal9_status change(const struct hal9_balancer_spec *b, struct caddy_handler *h,
                          const cJSON *servers, const struct hal9_balancer_view *now,
                          struct hal9_error *err) {
    const cJSON *wanted;

    cJSON_ArrayForEach(wanted, servers) {
        struct caddy_server *s = caddy_handler_find(h, wanted->string);
        const struct hal9_balancer_server *seen = bal_view_find(now, wanted->string);

        if (!s)
            return bal_no_server(b->name, now, wanted->string, err);
        if (seen && (seen->weight != s->weight || seen->admin != s->admin))
            return drift(b, now->backend, err);
        s->weight = hal9_json_int(wanted, "weight", s->weight);
        (void)hal9_admin_parse(hal9_json_str(wanted, "admin"), &s->admin);
    }
    return caddy_handler_write(h, err);
}

static hal9_status set(const struct hal9_balancer_spec *b, const char *backend,
                       const cJSON *servers, const struct hal9_balancer_view *now, int cancel_fd,
                       struct hal9_error *err) {
    _cleanup_(caddy_handler_clear) struct caddy_handler h = {0};
    _cleanup_free_ char *etag = NULL;
    _cleanup_free_ char *path = path_of(backend);
    _cleanup_(hal9_http_response_clear) struct hal9_http_response r = {0};
    hal9_status st = read_handler(b, backend, cancel_fd, &h, &etag, err);

    if (st == HAL9_OK)
        st = change(b, &h, servers, now, err);
    if (st != HAL9_OK)
        return st;
    const struct bal_api_call call = {
        .url = b->caddy, .path = path, .method = "PATCH", .body = h.json, .match = etag};

    st = bal_api(b, &call, cancel_fd, &r, err);
    if (st == HAL9_OK && r.status == 412)
        return drift(b, backend, err);
    if (st == HAL9_OK && r.status >= 300)
        return bal_api_refused(b, &call, &r, err);
    return st;
}

const struct hal9_balancer_driver hal9_balancer_caddy = {.key = "caddy", .look = look, .set = set};
