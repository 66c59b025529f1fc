/* Which plan of the configuration is meant, and names for its steps. */
#include <string.h>

#include "rollback-internal.h"

static hal9_status none(const struct hal9_config *c, const char *name, struct hal9_error *err) {
    _cleanup_free_ char *which = name ? hal9_strf("no plan '%s'", name) : hal9_strdup("no plan");

    hal9_error_set(err, HAL9_E_USAGE, "%s: there is no rollback: in %s", which,
                   c && c->path ? c->path : "any configuration");
    hal9_error_hint(err, "name what to keep with --file PATH, or write rollback: into hal9.yaml; "
                         "see hal9.yaml(5)");
    return HAL9_E_USAGE;
}

hal9_status rb_plan_find(const struct hal9_config *c, const char *name,
                         const struct hal9_rollback_spec **ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};

    if (!c || c->rollback.n == 0)
        return none(c, name, err);
    for (size_t i = 0; i < c->rollback.n; i++) {
        const struct hal9_rollback_spec *r = c->rollback.v[i];

        hal9_strv_add(&names, r->name);
        if (name ? strcmp(r->name, name) == 0 : c->rollback.n == 1) {
            *ret = r;
            return HAL9_OK;
        }
    }
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");
    const char *near = name ? hal9_suggest(name, (const char *const *)names.v, names.n) : NULL;

    if (near)
        return hal9_error_set(err, HAL9_E_USAGE, "no plan '%s' in %s; did you mean '%s'?", name,
                              c->path, near);
    if (name)
        return hal9_error_set(err, HAL9_E_USAGE, "no plan '%s' in %s; it has %s", name, c->path,
                              all);
    hal9_error_set(err, HAL9_E_USAGE, "which plan? %s has %s", c->path, all);
    hal9_error_hint(err, "name it with --plan");
    return HAL9_E_USAGE;
}

char *rb_step_name(const struct hal9_plan *plan, const char *part) {
    char *name = hal9_strdup(part);

    for (int n = 2; hal9_plan_find(plan, name); n++) {
        free(name);
        name = hal9_strf("%s#%d", part, n);
    }
    return name;
}
