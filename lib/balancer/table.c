/* The drivers of balancers, one a kind. */
#include "balancer/driver.h"
#include "base/cleanup.h"

static const struct hal9_balancer_driver *const drivers[] = {
    &hal9_balancer_haproxy, &hal9_balancer_caddy, &hal9_balancer_nginx, &hal9_balancer_http, NULL,
};

hal9_status bal_driver(const struct hal9_balancer_spec *b, const struct hal9_balancer_driver **ret,
                       struct hal9_error *err) {
    const char *kind = hal9_balancer_kind(b);

    for (size_t i = 0; drivers[i]; i++)
        if (hal9_streq(drivers[i]->key, kind)) {
            *ret = drivers[i];
            return HAL9_OK;
        }
    return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                          "balancer %s: this build has no driver for balancers of the kind %s",
                          b->name ? b->name : "", kind ? kind : "(none)");
}

/* The address of a kind that is known by one. */
static const char *address_of(const struct hal9_balancer_spec *b) {
    const char *address = b->caddy ? b->caddy : b->nginx ? b->nginx : b->http;

    return address ? address : b->haproxy.n > 0 ? b->haproxy.v[0] : "";
}

hal9_status bal_resources(const struct hal9_balancer_spec *b, const char *backend,
                          struct hal9_strv *ret, struct hal9_error *err) {
    const struct hal9_balancer_driver *d = NULL;
    hal9_status st = bal_driver(b, &d, err);

    if (st != HAL9_OK)
        return st;
    if (d->resources)
        return d->resources(b, backend, ret, err);
    hal9_strv_take(ret, hal9_strf("balancer:%s/%s/%s", d->key, address_of(b), backend));
    return HAL9_OK;
}

hal9_status hal9_balancer_look(const struct hal9_balancer_spec *b, const char *backend,
                               int cancel_fd, struct hal9_balancer_view *ret,
                               struct hal9_error *err) {
    return bal_look(b, backend, false, cancel_fd, ret, err);
}

hal9_status bal_look(const struct hal9_balancer_spec *b, const char *backend, bool lean,
                     int cancel_fd, struct hal9_balancer_view *ret, struct hal9_error *err) {
    const struct hal9_balancer_driver *d = NULL;
    struct hal9_balancer_view v = {.lean = lean, .old_sessions = -1};
    hal9_status st = bal_driver(b, &d, err);

    if (st != HAL9_OK)
        return st;
    v.backend = hal9_strdup(backend);
    st = d->look(b, backend, cancel_fd, &v, err);
    if (st == HAL9_OK)
        *ret = v;
    else
        hal9_balancer_view_clear(&v);
    return st;
}
