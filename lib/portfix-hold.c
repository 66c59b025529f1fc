/* Ports of services that are held, and held services in the way of others: nobody's hands on either. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "portfix-internal.h"

/* Whether one of the wrong holders is the service. */
static bool is_in_the_way(const struct hal9_portfix *p, const struct hal9_port_finding *f,
                          const char *service) {
    const struct hal9_service *s = hal9_config_service(p->config, service);
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};

    if (!s || hal9_config_ref(s, p->state, &ref, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < f->n_holders; i++)
        if (portfix_wrong(&f->holders[i]) &&
            hal9_service_is(&ref, &f->holders[i].proc) > HAL9_SERVICE_CANT_TELL)
            return true;
    return false;
}

static char *words(const struct hal9_port_finding *f, const struct hal9_hold *h) {
    _cleanup_free_ char *word = portfix_word(f), *held = hal9_hold_words(h);

    return hal9_strf("port %s stays as it is: %s is %s; hal9-restart unhold %s lifts that", word,
                     h->service, held, h->service);
}

char *portfix_held(const struct hal9_portfix *p, const struct hal9_port_finding *f) {
    _cleanup_error_ struct hal9_error e = {0};
    struct hal9_hold *all = NULL;
    char *ret = NULL;
    size_t n = 0;

    if (!p->state || f->answer != HAL9_PORT_OTHER)
        return NULL;
    if (hal9_hold_list(p->state, &all, &n, &e) != HAL9_OK) {
        _cleanup_free_ char *word = portfix_word(f);

        return hal9_strf("port %s stays as it is: whether a service is held is not known: %s", word,
                         e.message);
    }
    for (size_t i = 0; i < n; i++) {
        if (!ret && ((f->owner && hal9_streq(f->owner->name, all[i].service)) ||
                     is_in_the_way(p, f, all[i].service)))
            ret = words(f, &all[i]);
        hal9_hold_clear(&all[i]);
    }
    free(all);
    return ret;
}
