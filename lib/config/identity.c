/* Services that run the same program: told apart by their arguments, unless their identity was written down. */
#include "base/cleanup.h"
#include "config/config-internal.h"

static bool by_default(const struct hal9_service *s) {
    return s->run && s->run->exec.n > 0 && !hal9_node_get(s->node, "identity");
}

static bool same_program(const struct hal9_config *c, const struct hal9_service *s) {
    for (size_t i = 0; i < c->services.n; i++) {
        const struct hal9_service *other = c->services.v[i];

        if (other != s && other->identity.exe && hal9_streq(other->identity.exe, s->identity.exe))
            return true;
    }
    return false;
}

void hal9_config_tell_apart(struct hal9_config *c) {
    for (size_t i = 0; i < c->services.n; i++) {
        struct hal9_service *s = c->services.v[i];
        _cleanup_strv_ struct hal9_strv args = {0};

        if (!by_default(s) || s->identity.cmdline || !same_program(c, s))
            continue;
        for (size_t k = 1; k < s->run->exec.n; k++)
            hal9_strv_add(&args, s->run->exec.v[k]);
        if (args.n > 0)
            s->identity.cmdline = hal9_strv_join(&args, " ");
    }
}
