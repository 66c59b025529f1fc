/* From a verdict to notifications. What was decided is written with the incident in one go (its
 * outbox), then spooled, then struck out: a process killed anywhere between leaves either nothing
 * decided, or what the next one spools. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/queue.h"

struct decision {
    const struct hal9_notify *n;
    const struct hal9_notify_facts *f;
    struct hal9_places places;
    struct hal9_incident incident;
    int64_t now, calm;
    bool changed;
};

/* A new incident, unless the last one ended only a moment ago. */
static const char *incident_id(struct decision *d) {
    struct hal9_incident *i = &d->incident;
    const bool over = i->closed_ms > 0 && d->now - i->closed_ms >= d->calm;
    if (!i->id || over) {
        char id[HAL9_ID_LEN + 1];
        hal9_id_new(id);
        free(i->id);
        i->id = hal9_strdup(id);
    }
    i->closed_ms = 0;
    return i->id;
}

static void decide_for(struct decision *d, const struct hal9_notify_spec *spec) {
    _cleanup_free_ char *dest = hal9_notify_dest(spec);
    struct hal9_told *t = hal9_incident_told(&d->incident, dest);
    const bool fresh = t->level == HAL9_LEVEL_WELL;
    bool changed;
    const char *event = hal9_told_step(t, spec, d->f->state, d->now, d->calm, &changed);
    d->changed |= changed;
    if (!event)
        return;
    if (fresh) {
        free(t->incident);
        t->incident = hal9_strdup(incident_id(d));
    }
    struct hal9_item item;
    hal9_notify_item(spec, event, d->f->service, t->incident ? t->incident : incident_id(d),
                     d->f->record, &item);
    item.seq = ++d->incident.seq;
    cJSON_AddItemToArray(d->incident.outbox, hal9_item_json(&item));
    hal9_item_clear(&item);
}

/* The incident is over when the service is well and nobody who is asked for thinks otherwise. */
static void close_incident(struct decision *d) {
    if (!hal9_streq(d->f->state, "healthy") || !d->incident.id || d->incident.closed_ms > 0)
        return;
    for (size_t i = 0; i < d->n->specs->n; i++) {
        _cleanup_free_ char *dest = hal9_notify_dest(d->n->specs->v[i]);
        if (hal9_incident_told(&d->incident, dest)->level != HAL9_LEVEL_WELL)
            return;
    }
    d->incident.closed_ms = d->now;
    d->changed = true;
}

static hal9_status spool_outbox(struct decision *d, struct hal9_error *err) {
    const cJSON *j;
    hal9_status status = HAL9_OK;
    if (cJSON_GetArraySize(d->incident.outbox) == 0)
        return HAL9_OK;
    cJSON_ArrayForEach(j, d->incident.outbox) {
        struct hal9_item item;
        if (hal9_item_parse(j, &item, NULL) != HAL9_OK)
            continue;
        status = hal9_notify_queue(d->n, &d->places, &item, err);
        hal9_item_clear(&item);
        if (status != HAL9_OK)
            return status;
    }
    cJSON_Delete(d->incident.outbox);
    d->incident.outbox = cJSON_CreateArray();
    return hal9_incident_save(&d->places, &d->incident, err);
}

static hal9_status decide(struct decision *d, struct hal9_error *err) {
    hal9_incident_load(&d->places, d->f->service, &d->incident);
    /* What an earlier process decided and did not live to spool comes first. */
    hal9_status status = spool_outbox(d, err);
    for (size_t i = 0; status == HAL9_OK && i < d->n->specs->n; i++)
        decide_for(d, d->n->specs->v[i]);
    if (status != HAL9_OK)
        return status;
    close_incident(d);
    if (d->changed || cJSON_GetArraySize(d->incident.outbox) > 0)
        status = hal9_incident_save(&d->places, &d->incident, err);
    return status == HAL9_OK ? spool_outbox(d, err) : status;
}

static bool is_news(const struct hal9_notify *n, const struct hal9_notify_facts *f) {
    return n->specs && n->specs->n > 0 && f->service && f->state && !hal9_streq(f->state, "held") &&
           !hal9_streq(f->cause, "operation");
}

hal9_status hal9_notify_verdict(const struct hal9_notify *n, const struct hal9_notify_facts *f,
                                struct hal9_error *err) {
    if (!is_news(n, f))
        return HAL9_OK;
    struct decision d = {.n = n,
                         .f = f,
                         .now = hal9_now_ms(),
                         .calm = n->calm_ms > 0 ? n->calm_ms : HAL9_NOTIFY_CALM_MS};
    int lock = -1;
    hal9_status status = HAL9_OK;
    hal9_places_open(n, &d.places);
    if (!hal9_streq(f->state, "healthy") || hal9_incident_known(&d.places, f->service)) {
        status = hal9_incidents_lock(&d.places, n->cancel_fd, &lock, err);
        if (status == HAL9_OK)
            status = decide(&d, err);
        hal9_spool_release(lock);
    }
    hal9_incident_clear(&d.incident);
    hal9_places_close(&d.places);
    if (status != HAL9_OK)
        hal9_error_prefix(err, "what happened to %s cannot be told", f->service);
    return status;
}

hal9_status hal9_notify_operation(const struct hal9_notify *n, const cJSON *record,
                                  struct hal9_error *err) {
    struct hal9_places places;
    hal9_status status = HAL9_OK;
    const char *id = hal9_json_str(record, "id");
    hal9_places_open(n, &places);
    for (size_t i = 0; n->specs && status == HAL9_OK && i < n->specs->n; i++) {
        struct hal9_item item;
        /* One that stands still waits for a person: whoever is woken by failures is to know. */
        if (!hal9_notify_wants(n->specs->v[i], "operation") &&
            !(hal9_json_str(record, "held") && hal9_notify_wants(n->specs->v[i], "failing")))
            continue;
        hal9_notify_item(n->specs->v[i], "operation", hal9_json_str(record, "service"),
                         id ? id : "unknown", record, &item);
        status = hal9_notify_queue(n, &places, &item, err);
        hal9_item_clear(&item);
    }
    hal9_places_close(&places);
    return status;
}
