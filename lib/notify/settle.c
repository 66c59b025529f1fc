/* One notification: claimed, sent, and settled: out of the spool, back with a later time, or given
 * up. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "notify/flush.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define BASE_MS 10000
#define CAP_MS (INT64_C(15) * 60 * 1000)
#define PAUSE_MIN_MS 1000
#define TRIES_MAX 20
#define AGE_MAX_MS (INT64_C(24) * 60 * 60 * 1000)
#define STRANGER_MAX_MS (7 * AGE_MAX_MS)
#define NEXT_MAX_MS (INT64_C(2) * 60 * 60 * 1000) /* further ahead: the clock was set back */

bool hal9_flush_due(const struct hal9_item *i) {
    const int64_t now = hal9_now_ms();
    return i->told.next_ms <= now || i->told.next_ms > now + NEXT_MAX_MS;
}

/* The calling thread tells it in the end; *i stays as it is. */
static void report(struct hal9_flush *f, const struct hal9_item *i,
                   enum hal9_notification_state state) {
    pthread_mutex_lock(&f->lock);
    *HAL9_APPEND(f->told.v, f->told.n, f->told.cap) = (struct hal9_notification){
        .id = hal9_strdup(i->told.id),
        .to = hal9_strdup(i->told.to),
        .type = hal9_strdup(i->told.type),
        .event = hal9_strdup(i->told.event),
        .service = hal9_strdup(i->told.service),
        .key = hal9_strdup(i->told.key),
        .state = state,
        .time_ms = i->told.time_ms,
        .next_ms = i->told.next_ms,
        .tries = i->told.tries,
        .reason = hal9_strdup(i->told.reason),
    };
    pthread_mutex_unlock(&f->lock);
}

static void give_up(struct hal9_flush *f, struct hal9_entry *e) {
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_spool_fail(e->s, &e->item, &err) != HAL9_OK)
        hal9_log(0, "a notification that failed cannot be set aside: %s", err.message);
    e->gone = true;
    report(f, &e->item, HAL9_NOTIFY_FAILED);
}

static void sent(struct hal9_flush *f, struct hal9_entry *e) {
    _cleanup_error_ struct hal9_error err = {0};
    free(e->item.told.reason);
    e->item.told.reason = NULL;
    e->item.told.tries++;
    if (hal9_spool_remove(e->s, false, e->item.told.id, &err) != HAL9_OK)
        hal9_log(0, "a notification that was sent may be sent again: %s", err.message);
    e->gone = true;
    report(f, &e->item, HAL9_NOTIFY_SENT);
}

static void later(struct hal9_flush *f, struct hal9_entry *e, int64_t after_ms) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_notification *t = &e->item.told;
    const int64_t now = hal9_now_ms();
    const int tries = t->tries < TRIES_MAX ? (int)t->tries : TRIES_MAX;
    int64_t pause = hal9_retry_pause(BASE_MS, CAP_MS, tries);
    pause = pause > after_ms ? pause : after_ms;
    t->next_ms = now + (pause > PAUSE_MIN_MS ? pause : PAUSE_MIN_MS);
    if (t->tries >= TRIES_MAX && now - t->time_ms >= AGE_MAX_MS) {
        give_up(f, e);
        return;
    }
    /* Where that fails it only is due at once. */
    if (hal9_spool_add(e->s, &e->item, &err) != HAL9_OK)
        hal9_log(1, "%s", err.message);
    report(f, &e->item, HAL9_NOTIFY_QUEUED);
}

/* It comes from elsewhere and is shown on terminals. */
static void scrub(char *text) {
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static bool settle(struct hal9_flush *f, struct hal9_entry *e, struct hal9_outcome *o) {
    struct hal9_notification *t = &e->item.told;
    if (o->how == HAL9_OUT_UNTRIED)
        return false;
    if (o->how == HAL9_OUT_SENT) {
        sent(f, e);
        return true;
    }
    t->tries++;
    free(t->reason);
    t->reason = HAL9_TAKE_PTR(o->reason);
    scrub(t->reason);
    if (o->how == HAL9_OUT_NEVER)
        give_up(f, e);
    else
        later(f, e, o->after_ms);
    return !o->all;
}

static bool send_one(struct hal9_flush *f, const struct hal9_lane *l, struct hal9_entry *e) {
    _cleanup_free_ char *dir = hal9_state_sub(e->s, "spool", NULL);
    const struct hal9_delivery d = {.spec = l->spec,
                                    .item = &e->item,
                                    .dir = dir,
                                    .deadline_ms = f->deadline_ms,
                                    .cancel_fd = f->n->cancel_fd,
                                    .breaker = l->breaker};
    struct hal9_outcome o = {.how = HAL9_OUT_UNTRIED, .after_ms = -1};
    if (hal9_fault("deliver"))
        return false;
    hal9_notify_driver_of(l->spec)->send(&d, &o);
    if (hal9_fault("delivered"))
        o.how = HAL9_OUT_UNTRIED;
    const bool more = settle(f, e, &o);
    free(o.reason);
    return more;
}

/* Nobody here knows its receiver: perhaps another configuration does. */
static void stranger(struct hal9_flush *f, struct hal9_entry *e) {
    if (hal9_now_ms() - e->item.told.time_ms < STRANGER_MAX_MS)
        return;
    free(e->item.told.reason);
    e->item.told.reason = hal9_strdup("no configuration has had its receiver for a week");
    give_up(f, e);
}

bool hal9_flush_one(struct hal9_flush *f, const struct hal9_lane *l, struct hal9_entry *e) {
    struct hal9_item now;
    _cleanup_error_ struct hal9_error err = {0};
    int fd;
    bool more = true;
    hal9_status status = hal9_spool_claim(e->s, e->item.told.id, &now, &fd, &err);
    if (status != HAL9_OK) {
        /* BUSY: another process is at it; what is not there was sent by one. */
        e->gone = status == HAL9_E_NOT_FOUND;
        if (status != HAL9_E_BUSY && !e->gone)
            hal9_log(1, "%s", err.message);
        return true;
    }
    hal9_item_clear(&e->item);
    e->item = now;
    if (!l->spec)
        stranger(f, e);
    else if (hal9_flush_due(&e->item)) /* another process may have tried it meanwhile */
        more = send_one(f, l, e);
    hal9_spool_release(fd);
    return more;
}
