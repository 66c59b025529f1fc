/* From a decision to the spool. */
#ifndef HAL9_NOTIFY_QUEUE_H
#define HAL9_NOTIFY_QUEUE_H

#include "notify/notify-internal.h"

/* Calls n->told. */
void hal9_notify_tell(const struct hal9_notify *n, struct hal9_notification *told,
                      enum hal9_notification_state state);
/* "hal9ops/HOST/SERVICE/INCIDENT", at most 255 bytes. Fresh. */
char *hal9_notify_key(const char *host, const char *service, const char *incident);
/* A fresh item for a receiver. service NULL-able. */
void hal9_notify_item(const struct hal9_notify_spec *spec, const char *event, const char *service,
                      const char *incident, const cJSON *record, struct hal9_item *ret);
/* Spools it and tells so; one that waits already stays as it is. */
hal9_status hal9_notify_queue(const struct hal9_notify *n, struct hal9_places *p,
                              struct hal9_item *i, struct hal9_error *err);

#endif
