/* What waits in the spool and what was given up. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "notify/queue.h"
#include "store/store-internal.h"

static void list_one(const struct hal9_notify *n, struct hal9_state *s, bool failed, const char *id,
                     struct hal9_notifications *ret) {
    struct hal9_item item;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status status = hal9_spool_read(s, failed, id, &item, &err);
    if (status == HAL9_E_NOT_FOUND) /* sent a moment ago */
        return;
    struct hal9_notification *t = HAL9_APPEND(ret->v, ret->n, ret->cap);
    if (status == HAL9_OK) {
        *t = item.told;
        item.told = (struct hal9_notification){0};
        t->configured = hal9_notify_find(n->specs, item.dest) != NULL;
        hal9_item_clear(&item);
    } else /* there is something all the same */
        *t = (struct hal9_notification){.id = hal9_strdup(id),
                                        .to = hal9_strdup("unknown"),
                                        .type = hal9_strdup("unknown"),
                                        .reason = hal9_strdup(err.message)};
    t->state = failed ? HAL9_NOTIFY_FAILED : HAL9_NOTIFY_QUEUED;
}

static int by_time(const void *left, const void *right) {
    const struct hal9_notification *a = left;
    const struct hal9_notification *b = right;
    return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

hal9_status hal9_notify_pending(const struct hal9_notify *n, struct hal9_notifications *ret,
                                struct hal9_error *err) {
    struct hal9_places places;
    hal9_status status = HAL9_OK;
    hal9_places_open(n, &places);
    for (size_t i = 0; i < 2 * places.n && status == HAL9_OK; i++) {
        struct hal9_state *s = places.v[i / 2];
        _cleanup_strv_ struct hal9_strv ids = {0};
        status = hal9_spool_list(s, i % 2, &ids, err);
        for (size_t k = 0; k < ids.n; k++)
            list_one(n, s, i % 2, ids.v[k], ret);
    }
    hal9_places_close(&places);
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_time);
    return status;
}
