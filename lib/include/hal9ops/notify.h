/*
 * hal9ops/notify.h - who is told, and of what: the configuration of each kind.
 *
 * Floor 4.
 */
#ifndef HAL9OPS_NOTIFY_H
#define HAL9OPS_NOTIFY_H

#include <hal9ops/doc.h>

/* pagerduty: {routing_key, url} */
struct hal9_pagerduty_spec {
    char *routing_key; /* reference */
    char *url;         /* another endpoint of the Events API v2, or NULL */
};
/* webhook: {url, token} */
struct hal9_webhook_spec {
    char *url;
    char *token; /* reference, or NULL: sent as Authorization: Bearer */
};
/* One entry of notify: exactly one kind is set. */
struct hal9_notify_spec {
    struct hal9_pagerduty_spec *pagerduty;
    struct hal9_webhook_spec *webhook;
    struct hal9_strv command; /* argv; the record on stdin */
    struct hal9_strv
        on; /* failing, degraded, unknown, recovered, operation; empty: failing and recovered */
};
extern const struct hal9_schema hal9_notify_schema;
/* The kind that is set: "pagerduty", "webhook", "command" or NULL. Static. */
HAL9_API const char *hal9_notify_kind(const struct hal9_notify_spec *n);

#endif
