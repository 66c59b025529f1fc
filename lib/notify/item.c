/* A notification as it stands in the spool: what is to be told, to whom, and how it has gone so far.
 * Receivers are named by a hash, secrets and URLs stay in the configuration. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

#define FORMAT 1

static void clear_told(struct hal9_notification *t) {
    free(t->id);
    free(t->to);
    free(t->type);
    free(t->event);
    free(t->service);
    free(t->key);
    free(t->reason);
    *t = (struct hal9_notification){0};
}

void hal9_notifications_clear(struct hal9_notifications *n) {
    for (size_t i = 0; i < n->n; i++)
        clear_told(&n->v[i]);
    free(n->v);
    *n = (struct hal9_notifications){0};
}

void hal9_item_clear(struct hal9_item *i) {
    clear_told(&i->told);
    free(i->dest);
    cJSON_Delete(i->record);
    *i = (struct hal9_item){0};
}

cJSON *hal9_item_json(const struct hal9_item *i) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_int(j, "hal9", FORMAT);
    hal9_json_add_str(j, "id", i->told.id);
    hal9_json_add_str(j, "dest", i->dest);
    hal9_json_add_str(j, "to", i->told.to);
    hal9_json_add_str(j, "type", i->told.type);
    hal9_json_add_str(j, "event", i->told.event);
    hal9_json_add_str(j, "service", i->told.service);
    hal9_json_add_str(j, "key", i->told.key);
    hal9_json_add_int(j, "seq", i->seq);
    hal9_json_add_int(j, "time_ms", i->told.time_ms);
    hal9_json_add_int(j, "next_ms", i->told.next_ms);
    hal9_json_add_int(j, "tries", i->told.tries);
    hal9_json_add_str(j, "reason", i->told.reason);
    cJSON_AddItemToObject(j, "record", cJSON_Duplicate(i->record, true));
    return j;
}

hal9_status hal9_item_parse(const cJSON *j, struct hal9_item *ret, struct hal9_error *err) {
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(j, "record");
    const char *needed[] = {"id", "dest", "to", "type", "event", "key"};
    if (hal9_json_int(j, "hal9", 0) > FORMAT)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED, "a newer hal9ops wrote it");
    for (size_t k = 0; k < HAL9_ARRAY_LEN(needed); k++)
        if (!hal9_json_str(j, needed[k]))
            return hal9_error_set(err, HAL9_E_CORRUPT, "it has no %s", needed[k]);
    if (!hal9_id_valid(hal9_json_str(j, "id")) || !cJSON_IsObject(record))
        return hal9_error_set(err, HAL9_E_CORRUPT, "it is no notification");
    *ret = (struct hal9_item){
        .told = {.id = hal9_strdup(hal9_json_str(j, "id")),
                 .to = hal9_strdup(hal9_json_str(j, "to")),
                 .type = hal9_strdup(hal9_json_str(j, "type")),
                 .event = hal9_strdup(hal9_json_str(j, "event")),
                 .service = hal9_strdup(hal9_json_str(j, "service")),
                 .key = hal9_strdup(hal9_json_str(j, "key")),
                 .time_ms = hal9_json_int(j, "time_ms", 0),
                 .next_ms = hal9_json_int(j, "next_ms", 0),
                 .tries = hal9_json_int(j, "tries", 0),
                 .reason = hal9_strdup(hal9_json_str(j, "reason"))},
        .dest = hal9_strdup(hal9_json_str(j, "dest")),
        .seq = hal9_json_int(j, "seq", 0),
        .record = cJSON_Duplicate(record, true),
    };
    return HAL9_OK;
}

const char *hal9_notification_state_name(enum hal9_notification_state s) {
    static const char *const names[] = {"queued", "sent", "failed", "dropped"};
    return names[s];
}

/* Why it is, where the record knows. */
static void add_reason(struct hal9_buf *b, const cJSON *record) {
    const char *reason = hal9_json_str(record, "reason");
    if (!reason)
        reason = hal9_json_str(record, "held");
    if (reason && *reason)
        hal9_buf_printf(b, ": %s", reason);
}

char *hal9_item_summary(const struct hal9_item *i) {
    struct hal9_buf b = {0};
    const char *host = hal9_json_str(i->record, "host");
    const char *state = hal9_json_str(i->record, "state");
    const char *service = i->told.service ? i->told.service : "hal9ops";
    const bool operation = hal9_streq(i->told.event, "operation");
    const char *title = operation ? hal9_json_str(i->record, "title") : NULL;
    hal9_buf_printf(&b, "%s: %s on %s", service,
                    title   ? title
                    : state ? state
                            : i->told.event,
                    host ? host : "?");
    if (title)
        hal9_buf_printf(&b, ": %s", state ? state : "?");
    add_reason(&b, i->record);
    return hal9_buf_take(&b);
}

size_t hal9_utf8_cut(const char *text, size_t max) {
    size_t n = strlen(text);
    if (n <= max)
        return n;
    for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return n;
}
