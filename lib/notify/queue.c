/* Into the spool: bounded, told. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "notify/queue.h"

void hal9_notify_tell(const struct hal9_notify *n, struct hal9_notification *told,
                      enum hal9_notification_state state) {
    told->state = state;
    told->configured = true;
    if (n->told)
        n->told(n->data, told);
}

/* Makes room: what has waited longest is given up. */
static void make_room(const struct hal9_notify *n, struct hal9_state *s) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    if (hal9_spool_list(s, false, &ids, NULL) != HAL9_OK)
        return;
    for (size_t i = 0; i + HAL9_SPOOL_MAX <= ids.n; i++) {
        struct hal9_item old;
        int fd;
        if (hal9_spool_claim(s, ids.v[i], &old, &fd, NULL) != HAL9_OK)
            continue;
        free(old.told.reason);
        old.told.reason = hal9_strf("%d newer ones wait", HAL9_SPOOL_MAX);
        if (hal9_spool_fail(s, &old, NULL) == HAL9_OK)
            hal9_notify_tell(n, &old.told, HAL9_NOTIFY_DROPPED);
        hal9_spool_release(fd);
        hal9_item_clear(&old);
    }
}

struct adding {
    const struct hal9_notify *n;
    const struct hal9_item *item;
};

static hal9_status add_in(struct hal9_state *s, void *data, struct hal9_error *err) {
    const struct adding *a = data;
    make_room(a->n, s);
    return hal9_spool_add(s, a->item, err);
}

static bool waits_already(const struct hal9_places *p, const char *id) {
    for (size_t i = 0; i < p->n; i++) {
        _cleanup_free_ char *path = hal9_spool_path(p->v[i], false, id);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

hal9_status hal9_notify_queue(const struct hal9_notify *n, struct hal9_places *p,
                              struct hal9_item *i, struct hal9_error *err) {
    struct adding a = {.n = n, .item = i};
    if (waits_already(p, i->told.id))
        return HAL9_OK;
    hal9_status status = hal9_places_write(p, add_in, &a, err);
    if (status == HAL9_OK)
        hal9_notify_tell(n, &i->told, HAL9_NOTIFY_QUEUED);
    return status;
}

char *hal9_notify_key(const char *host, const char *service, const char *incident) {
    char *key = hal9_strf("hal9ops/%s/%s/%s", host, service, incident);
    if (strlen(key) <= HAL9_NOTIFY_KEY_MAX)
        return key;
    /* Too long: its beginning for people, its hash for what must not be mixed up. */
    char sha[65];
    hal9_sha256_hex(key, strlen(key), sha);
    char *cut = hal9_strf("%.*s/%s", (int)hal9_utf8_cut(key, HAL9_NOTIFY_KEY_MAX - 65), key, sha);
    free(key);
    return cut;
}

void hal9_notify_item(const struct hal9_notify_spec *spec, const char *event, const char *service,
                      const char *incident, const cJSON *record, struct hal9_item *ret) {
    char id[HAL9_ID_LEN + 1];
    const char *kind = hal9_notify_kind(spec);
    hal9_id_new(id);
    *ret = (struct hal9_item){
        .told = {.id = hal9_strdup(id),
                 .to = hal9_notify_label(spec),
                 .type = hal9_strdup(kind ? kind : "none"),
                 .event = hal9_strdup(event),
                 .service = hal9_strdup(service),
                 .key =
                     hal9_notify_key(hal9_host_name(), service ? service : "operation", incident),
                 .time_ms = hal9_now_ms()},
        .dest = hal9_notify_dest(spec),
        .record = record ? hal9_notify_clean(record) : cJSON_CreateObject(),
    };
    hal9_json_add_str(ret->record, "event", event);
    hal9_json_add_str(ret->record, "incident", incident);
    hal9_json_add_str(ret->record, "key", ret->told.key);
}
