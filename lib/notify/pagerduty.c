/* pagerduty: the Events API v2 (https://developer.pagerduty.com/docs/events-api-v2/). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

#define URL "https://events.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024

static bool is(const struct hal9_notify_spec *spec) {
    return spec->pagerduty != NULL;
}

static void identity(const struct hal9_notify_spec *spec, struct hal9_buf *ret) {
    hal9_buf_printf(ret, "%s\n%s", spec->pagerduty->routing_key,
                    spec->pagerduty->url ? spec->pagerduty->url : URL);
}

static char *label(const struct hal9_notify_spec *spec) {
    (void)spec;
    return hal9_strdup("pagerduty");
}

static const char *severity(const struct hal9_item *i) {
    const char *state = hal9_json_str(i->record, "state");
    if (hal9_streq(i->told.event, "operation"))
        return hal9_streq(state, "failed") || hal9_streq(state, "open") ? "error" : "info";
    if (hal9_streq(i->told.event, "failing"))
        return "critical";
    return hal9_streq(i->told.event, "unknown") ? "error" : "warning";
}

/* What may help whoever is woken up; the record is free of secrets already. */
static cJSON *details(const cJSON *record) {
    static const char *const names[] = {"state",  "cause",    "reason", "score",   "blocked_by",
                                        "checks", "evidence", "run",    "machine", "incident",
                                        "id",     "by",       "held"};
    cJSON *d = cJSON_CreateObject();
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(record, names[i]);
        if (member)
            cJSON_AddItemToObject(d, names[i], cJSON_Duplicate(member, true));
    }
    return d;
}

static cJSON *payload(const struct hal9_item *i) {
    _cleanup_free_ char *summary = hal9_item_summary(i);
    const char *host = hal9_json_str(i->record, "host");
    char now[32];
    cJSON *p = cJSON_CreateObject();
    summary[hal9_utf8_cut(summary, SUMMARY_MAX)] = '\0';
    hal9_time_format(i->told.time_ms, now);
    hal9_json_add_str(p, "summary", summary);
    hal9_json_add_str(p, "source", host ? host : "unknown");
    hal9_json_add_str(p, "severity", severity(i));
    hal9_json_add_str(p, "timestamp",
                      hal9_json_str(i->record, "time") ? hal9_json_str(i->record, "time") : now);
    hal9_json_add_str(p, "component", i->told.service);
    hal9_json_add_str(p, "class", hal9_json_str(i->record, "cause"));
    cJSON_AddItemToObject(p, "custom_details", details(i->record));
    return p;
}

static char *body_of(const struct hal9_item *i, const char *routing_key) {
    const bool resolve = hal9_streq(i->told.event, "recovered");
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "routing_key", routing_key);
    hal9_json_add_str(j, "event_action", resolve ? "resolve" : "trigger");
    hal9_json_add_str(j, "dedup_key", i->told.key);
    if (!resolve)
        cJSON_AddItemToObject(j, "payload", payload(i));
    hal9_json_add_str(j, "client", "hal9ops");
    return hal9_json_text(j);
}

static void send_event(const struct hal9_delivery *d, struct hal9_outcome *ret) {
    const struct hal9_pagerduty_spec *p = d->spec->pagerduty;
    _cleanup_error_ struct hal9_error e = {0};
    char *key;
    if (hal9_secret_read(p->routing_key, &key, &e) != HAL9_OK) {
        hal9_outcome_error(ret, &e);
        return;
    }
    char *body = body_of(d->item, key);
    hal9_notify_post(d, p->url ? p->url : URL, NULL, body, key, ret);
    hal9_secret_free(body);
    hal9_secret_free(key);
}

const struct hal9_notify_driver hal9_notify_pagerduty = {
    .type = "pagerduty", .is = is, .identity = identity, .label = label, .send = send_event};
