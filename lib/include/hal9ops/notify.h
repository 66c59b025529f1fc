/*
 * hal9ops/notify.h - who is told, and of what: incidents, the spool, and a driver for each kind of receiver.
 *
 * Floor 4. What is to be told goes to a spool on disk first, so that a receiver that is down, slow or killed loses nothing: at least once, in order
 * for each incident. An incident is kept from the first bad verdict until the service has recovered, so that it has one key, however often it is
 * looked at.
 *
 *     struct hal9_notify n = {.state = st, .specs = &cfg->notify, .cancel_fd = -1, .told = tell, .data = out};
 *     struct hal9_notify_facts f = {.service = "hal9-server", .state = "failing", .cause = "port_conflict", .record = verdict};
 *     hal9_notify_verdict(&n, &f, &err);       // durable in the spool, if it is news to anybody
 *     hal9_notify_flush(&n, &err);             // 2 s at most
 *
 * In the state directory: incidents/SERVICE.json, spool/ID.json, spool/failed/ID.json, spool/DESTINATION.breaker. No file there holds a secret or a URL.
 */
#ifndef HAL9OPS_NOTIFY_H
#define HAL9OPS_NOTIFY_H

#include <hal9ops/doc.h>
#include <hal9ops/store.h>

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
    char *name; /* what people call it, or NULL */
    struct hal9_pagerduty_spec *pagerduty;
    struct hal9_webhook_spec *webhook;
    struct hal9_strv command; /* argv; the record on stdin */
    struct hal9_strv
        on; /* failing, degraded, unknown, recovered, operation; empty: failing and recovered */
};
extern const struct hal9_schema hal9_notify_schema;
/* The kind that is set: "pagerduty", "webhook", "command" or NULL. Static. */
HAL9_API const char *hal9_notify_kind(const struct hal9_notify_spec *n);
/* What it is called where people and records see it: its name, else "pagerduty", "webhook hooks.example.org", "command page.sh". Never a secret,
 * nor the path of a URL, which often is one. Fresh. */
HAL9_API char *hal9_notify_label(const struct hal9_notify_spec *n);

/* ---- what is told ------------------------------------------------------------------------------------- */

enum hal9_notification_state {
    HAL9_NOTIFY_QUEUED, /* in the spool; with a reason: tried, and tried again at next_ms */
    HAL9_NOTIFY_SENT,
    HAL9_NOTIFY_FAILED,  /* given up, kept in spool/failed */
    HAL9_NOTIFY_DROPPED, /* removed: more than the spool may hold */
};
/* "queued", "sent", "failed", "dropped". Static. */
HAL9_API const char *hal9_notification_state_name(enum hal9_notification_state s);

struct hal9_notification {
    char *id;
    char *to;      /* as hal9_notify_label() */
    char *type;    /* the kind */
    char *event;   /* failing, degraded, unknown, recovered, operation */
    char *service; /* or NULL */
    char *key;     /* one incident has one: hal9ops/HOST/SERVICE/INCIDENT, at most 255 bytes */
    enum hal9_notification_state state;
    bool configured; /* the configuration (still) has this receiver; else it waits */
    int64_t time_ms; /* when it was spooled; wall clock */
    int64_t next_ms; /* not tried before; 0: at once */
    int64_t tries;
    char *reason; /* why the last try failed, or NULL */
};
struct hal9_notifications {
    struct hal9_notification *v;
    size_t n, cap;
};
/* Frees and zeroes. */
HAL9_API void hal9_notifications_clear(struct hal9_notifications *n);

struct hal9_notify {
    struct hal9_state *
        state; /* opened for writing, for hal9_notify_pending() reading will do; NULL-able with spare_dir */
    /* Another state directory, used where the first takes nothing (full, read-only) and read beside it: a full disk is a reason to page, not one
     * to be silent. Made when it is needed. NULL: none. */
    const char *spare_dir;
    const struct hal9_list *specs; /* struct hal9_notify_spec * */
    int64_t within_ms;             /* of a flush; 0: 2 s */
    int64_t calm_ms;               /* see hal9_notify_verdict(); 0: 10 min */
    int cancel_fd;                 /* -1 none */
    /* Called for each notification that was spooled, sent, tried, given up or dropped, from the calling thread; n is borrowed. NULL-able. */
    void (*told)(void *data, const struct hal9_notification *n);
    void *data;
};

/* ---- deciding ----------------------------------------------------------------------------------------- */

/* A verdict. */
struct hal9_notify_facts {
    const char *service;
    const char *state; /* healthy, degraded, failing, unknown, held */
    const char *cause; /* NULL-able */
    const cJSON
        *record; /* the verdict's record: what receivers get, with event, key and incident added */
};
/* Whether this verdict is news, and to whom; spools it for each (durable when it returns). A receiver is told when a service gets into a state that it
 * wants to hear of, when that gets worse (degraded, unknown, failing), and when the service has recovered from what it was told: healthy, or
 * degraded where it doesn't want to hear of that. Held services, and those that an operation works on (cause operation), are no news, and neither
 * open nor end anything; unknown ends nothing.
 * Flapping: bad again within calm_ms after it recovered is the same incident with the same key; it is told once more, and then recovered only after
 * calm_ms without a bad verdict.
 * HAL9_E_BUSY: another process kept the incidents locked for 2 s. */
HAL9_API hal9_status hal9_notify_verdict(const struct hal9_notify *n,
                                         const struct hal9_notify_facts *f, struct hal9_error *err);
/* Spools the record of an operation that has ended for those who want to hear of operations. */
HAL9_API hal9_status hal9_notify_operation(const struct hal9_notify *n, const cJSON *record,
                                           struct hal9_error *err);

/* ---- sending ------------------------------------------------------------------------------------------ */

/* Sends what is due, receivers side by side, each one's in order, until within_ms is over. What fails is tried again later: 10 s, doubled up to 15 min,
 * with full jitter, or when the receiver says (Retry-After); a receiver that fails 5 times in a row is left alone for 30 s. Given up: what
 * the receiver will never take (4xx), and what has failed 20 times and is a day old. Each notification is claimed, so that two processes never send
 * it at the same moment. HAL9_OK whatever became of them: see told. */
HAL9_API hal9_status hal9_notify_flush(const struct hal9_notify *n, struct hal9_error *err);
/* What waits and what was given up, oldest first. Needs no lock. Appends. */
HAL9_API hal9_status hal9_notify_pending(const struct hal9_notify *n,
                                         struct hal9_notifications *ret, struct hal9_error *err);
/* Puts what was given up back into the spool, due at once, with no try counted. What is over, and whose recovery doesn't wait either, is dropped: nobody
 * would take that alarm back. *ret_n: how many were put back. */
HAL9_API hal9_status hal9_notify_again(const struct hal9_notify *n, size_t *ret_n,
                                       struct hal9_error *err);

#endif
