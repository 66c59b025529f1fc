/* The kinds of receivers, one line each, and how a receiver is named. */
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

static const struct hal9_notify_driver *const drivers[] = {
    &hal9_notify_pagerduty,
    &hal9_notify_webhook,
    &hal9_notify_command,
};

const struct hal9_notify_driver *hal9_notify_driver_of(const struct hal9_notify_spec *spec) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(drivers); i++)
        if (drivers[i]->is(spec))
            return drivers[i];
    return NULL;
}

const char *hal9_notify_kind(const struct hal9_notify_spec *n) {
    const struct hal9_notify_driver *d = hal9_notify_driver_of(n);
    return d ? d->type : NULL;
}

char *hal9_notify_label(const struct hal9_notify_spec *n) {
    const struct hal9_notify_driver *d = hal9_notify_driver_of(n);
    if (n->name)
        return hal9_strdup(n->name);
    return d ? d->label(n) : hal9_strdup("nobody");
}

char *hal9_notify_dest(const struct hal9_notify_spec *spec) {
    const struct hal9_notify_driver *d = hal9_notify_driver_of(spec);
    _cleanup_buf_ struct hal9_buf b = {0};
    char sha[65];
    if (!d)
        return hal9_strdup("none");
    d->identity(spec, &b);
    hal9_sha256_hex(b.len > 0 ? b.data : "", b.len, sha);
    return hal9_strf("%s-%.12s", d->type, sha);
}

const struct hal9_notify_spec *hal9_notify_find(const struct hal9_list *specs, const char *dest) {
    for (size_t i = 0; specs && i < specs->n; i++) {
        _cleanup_free_ char *own = hal9_notify_dest(specs->v[i]);
        if (strcmp(own, dest) == 0)
            return specs->v[i];
    }
    return NULL;
}

void hal9_outcome_error(struct hal9_outcome *o, const struct hal9_error *e) {
    o->how = e->code == HAL9_E_INTERRUPTED ? HAL9_OUT_UNTRIED : HAL9_OUT_LATER;
    o->reason = hal9_strdup(e->message ? e->message : hal9_status_name(e->code));
}
