/* Finding services in a configuration: by name, by port, in the order of what they depend on. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

const struct hal9_service *hal9_config_service(const struct hal9_config *c, const char *name) {
    for (size_t i = 0; i < c->services.n; i++) {
        const struct hal9_service *s = c->services.v[i];

        if (hal9_streq(s->name, name))
            return s;
    }
    return NULL;
}

hal9_status hal9_config_need_service(const struct hal9_config *c, const char *name,
                                     const struct hal9_service **ret, struct hal9_error *err) {
    const struct hal9_service *s = hal9_config_service(c, name);

    if (s) {
        *ret = s;
        return HAL9_OK;
    }
    if (!c->path) {
        hal9_error_set(err, HAL9_E_USAGE, "no service '%s': no configuration was found", name);
        hal9_error_hint(err, "write ./hal9.yaml or name one with --config; see hal9.yaml(5)");
        return HAL9_E_USAGE;
    }
    _cleanup_free_ const char **names = hal9_alloc((c->services.n + 1) * sizeof(*names));

    for (size_t i = 0; i < c->services.n; i++)
        names[i] = ((const struct hal9_service *)c->services.v[i])->name;
    const char *slash = strrchr(c->path, '/'), *file = slash ? slash + 1 : c->path;
    const char *near = hal9_suggest(name, names, c->services.n);

    if (near)
        return hal9_error_set(err, HAL9_E_USAGE, "no service '%s' in %s; did you mean '%s'?", name,
                              file, near);
    hal9_error_set(err, HAL9_E_USAGE, "no service '%s' in %s", name, file);
    if (c->services.n > 0 && c->services.n <= 12) {
        struct hal9_strv all = {0};

        for (size_t i = 0; i < c->services.n; i++)
            hal9_strv_add(&all, names[i]);
        _cleanup_free_ char *text = hal9_strv_join(&all, ", ");

        hal9_error_hint(err, "it has %s", text);
        hal9_strv_free(&all);
    }
    return HAL9_E_USAGE;
}

const struct hal9_service *hal9_config_port_owner(const struct hal9_config *c, uint16_t port) {
    for (size_t i = 0; i < c->services.n; i++) {
        const struct hal9_service *s = c->services.v[i];

        if (s->ports.n > 0 && hal9_ports_has(&s->ports, port))
            return s;
    }
    return NULL;
}

/* Depth-first: what a service depends on goes before it. Cycles were refused when the file was
 * read. */
static void visit(const struct hal9_config *c, const struct hal9_service *s, char *seen,
                  const struct hal9_strv *only, const struct hal9_service **out, size_t *n) {
    for (size_t i = 0; i < c->services.n; i++) {
        if (c->services.v[i] != s)
            continue;
        if (seen[i])
            return;
        seen[i] = 1;
    }
    for (size_t k = 0; k < s->depends.n; k++) {
        const struct hal9_service *d = hal9_config_service(c, s->depends.v[k]);

        if (d)
            visit(c, d, seen, only, out, n);
    }
    if (!only || hal9_strv_has(only, s->name))
        out[(*n)++] = s;
}

const struct hal9_service **hal9_config_order(const struct hal9_config *c,
                                              const struct hal9_strv *only, size_t *ret_n) {
    const struct hal9_service **out = hal9_alloc((c->services.n + 1) * sizeof(*out));
    _cleanup_free_ char *seen = hal9_alloc(c->services.n + 1);

    *ret_n = 0;
    for (size_t i = 0; i < c->services.n; i++)
        visit(c, c->services.v[i], seen, only, out, ret_n);
    return out;
}

hal9_status hal9_config_ref(const struct hal9_service *s, struct hal9_state *state,
                            struct hal9_service_ref *ret, struct hal9_error *err) {
    const char *unit = s->run && s->run->systemd ? s->run->systemd : NULL;

    return hal9_service_ref_load(state, s->name, &s->identity, unit, ret, err);
}
