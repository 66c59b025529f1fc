/* What was given up, once more, when somebody says so. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/queue.h"
#include "store/store-internal.h"

struct again {
    const struct hal9_notify *n;
    struct hal9_places places;
    size_t count;
};

/* Whether its receiver would still be told of that incident now. */
static bool still_open(struct again *a, const struct hal9_item *i) {
    struct hal9_incident incident;
    bool open = false;
    hal9_incident_load(&a->places, i->told.service, &incident);
    const struct hal9_told *t = hal9_incident_told(&incident, i->dest);
    if (t->level != HAL9_LEVEL_WELL && t->incident)
        open = hal9_streq(t->incident, hal9_json_str(i->record, "incident"));
    hal9_incident_clear(&incident);
    return open;
}

/* Whether the recovery of that incident is still to be sent to that receiver. */
static bool recovery_waits(struct again *a, const struct hal9_item *i) {
    bool waits = false;
    for (size_t k = 0; k < 2 * a->places.n && !waits; k++) {
        _cleanup_strv_ struct hal9_strv ids = {0};
        hal9_spool_list(a->places.v[k / 2], k % 2, &ids, NULL);
        for (size_t m = 0; m < ids.n && !waits; m++) {
            struct hal9_item other;
            if (hal9_spool_read(a->places.v[k / 2], k % 2, ids.v[m], &other, NULL) != HAL9_OK)
                continue;
            waits = strcmp(other.told.key, i->told.key) == 0 && strcmp(other.dest, i->dest) == 0 &&
                    hal9_streq(other.told.event, "recovered");
            hal9_item_clear(&other);
        }
    }
    return waits;
}

/* An alarm about what is over would never be taken back: nobody sends its recovery again. */
static bool is_stale(struct again *a, const struct hal9_item *i) {
    if (!i->told.service || hal9_streq(i->told.event, "operation") ||
        hal9_streq(i->told.event, "recovered"))
        return false;
    return !still_open(a, i) && !recovery_waits(a, i);
}

static hal9_status put_back(struct again *a, struct hal9_state *s, struct hal9_item *i,
                            struct hal9_error *err) {
    i->told.tries = 0;
    i->told.next_ms = 0;
    i->told.time_ms = hal9_now_ms(); /* a day anew */
    hal9_status status = hal9_spool_add(s, i, err);
    if (status == HAL9_OK)
        status = hal9_spool_remove(s, true, i->told.id, err);
    if (status == HAL9_OK) {
        a->count++;
        hal9_notify_tell(a->n, &i->told, HAL9_NOTIFY_QUEUED);
    }
    return status;
}

static hal9_status drop(struct again *a, struct hal9_state *s, struct hal9_item *i,
                        struct hal9_error *err) {
    hal9_status status = hal9_spool_remove(s, true, i->told.id, err);
    free(i->told.reason);
    i->told.reason = hal9_strdup("what it was about is over");
    if (status == HAL9_OK)
        hal9_notify_tell(a->n, &i->told, HAL9_NOTIFY_DROPPED);
    return status;
}

static hal9_status each(struct again *a, struct hal9_state *s, const char *id,
                        struct hal9_error *err) {
    struct hal9_item item;
    /* Damaged ones stay where they are. */
    if (hal9_spool_read(s, true, id, &item, NULL) != HAL9_OK)
        return HAL9_OK;
    hal9_status status = is_stale(a, &item) ? drop(a, s, &item, err) : put_back(a, s, &item, err);
    hal9_item_clear(&item);
    return status;
}

hal9_status hal9_notify_again(const struct hal9_notify *n, size_t *ret_n, struct hal9_error *err) {
    struct again a = {.n = n};
    hal9_status status = HAL9_OK;
    hal9_places_open(n, &a.places);
    for (size_t i = 0; i < a.places.n && status == HAL9_OK; i++) {
        _cleanup_strv_ struct hal9_strv ids = {0};
        status = hal9_spool_list(a.places.v[i], true, &ids, err);
        for (size_t k = 0; k < ids.n && status == HAL9_OK; k++)
            status = each(&a, a.places.v[i], ids.v[k], err);
    }
    hal9_places_close(&a.places);
    if (status == HAL9_OK)
        *ret_n = a.count;
    return status;
}
