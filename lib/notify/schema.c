/* The schema of notify:, one kind an entry. */
#include "hal9ops/notify.h"

#define AT(member) offsetof(struct hal9_notify_spec, member)

static const struct hal9_field pagerduty_fields[] = {
    {.key = "routing_key",
     .type = HAL9_T_SECRET,
     .offset = offsetof(struct hal9_pagerduty_spec, routing_key),
     .flags = HAL9_F_REQUIRED | HAL9_F_SCALAR,
     .doc = "reference to the integration's routing key"},
    {.key = "url",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct hal9_pagerduty_spec, url),
     .doc = "another Events API v2 endpoint"},
    {0},
};
static const struct hal9_schema pagerduty_schema = {
    .name = "pagerduty",
    .size = sizeof(struct hal9_pagerduty_spec),
    .fields = pagerduty_fields,
    .doc = "PagerDuty, Events API v2",
};

static const struct hal9_field webhook_fields[] = {
    {.key = "url",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct hal9_webhook_spec, url),
     .flags = HAL9_F_REQUIRED | HAL9_F_SCALAR,
     .doc = "where the record is posted"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = offsetof(struct hal9_webhook_spec, token),
     .doc = "reference to a bearer token"},
    {0},
};
static const struct hal9_schema webhook_schema = {
    .name = "webhook",
    .size = sizeof(struct hal9_webhook_spec),
    .fields = webhook_fields,
    .doc = "a JSON record by POST",
};

static const char *const events[] = {"failing",   "degraded",  "unknown",
                                     "recovered", "operation", NULL};

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .doc = "what records and messages call it"},
    {.key = "pagerduty",
     .type = HAL9_T_PTR,
     .offset = AT(pagerduty),
     .sub = &pagerduty_schema,
     .doc = "PagerDuty, Events API v2"},
    {.key = "webhook",
     .type = HAL9_T_PTR,
     .offset = AT(webhook),
     .sub = &webhook_schema,
     .doc = "URL that takes the record"},
    {.key = "command",
     .type = HAL9_T_STRV,
     .offset = AT(command),
     .doc = "argv that gets the record on stdin"},
    {.key = "on",
     .type = HAL9_T_STRV,
     .offset = AT(on),
     .choices = events,
     .doc = "failing, degraded, unknown, recovered, operation; default: failing and recovered"},
    {0},
};

static void check_events(struct hal9_decoder *d, const struct hal9_node *n,
                         const struct hal9_notify_spec *s) {
    const size_t n_events = sizeof(events) / sizeof(events[0]) - 1;

    for (size_t i = 0; i < s->on.n; i++) {
        bool known = false;

        for (size_t k = 0; k < n_events; k++)
            known |= hal9_streq(s->on.v[i], events[k]);
        if (known)
            continue;
        const char *near = hal9_suggest(s->on.v[i], events, n_events);

        hal9_decoder_error(d, hal9_node_get(n, "on"), "'%s' is nothing to be told of%s%s%s",
                           s->on.v[i], near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "");
    }
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_notify_spec *s = object;
    int kinds = (s->pagerduty != NULL) + (s->webhook != NULL) + (s->command.n > 0);

    if (kinds != 1)
        hal9_decoder_error(
            d, n, "a notification wants exactly one of pagerduty, webhook and command, not %d",
            kinds);
    check_events(d, n, s);
}

const struct hal9_schema hal9_notify_schema = {
    .name = "a notification",
    .size = sizeof(struct hal9_notify_spec),
    .fields = fields,
    .finish = finish,
    .doc = "who is told, and of what",
};
