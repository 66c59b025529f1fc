/* What the files of notify/ share: items of the spool, incidents, drivers. */
#ifndef HAL9_NOTIFY_INTERNAL_H
#define HAL9_NOTIFY_INTERNAL_H

#include "hal9ops/net.h"
#include "hal9ops/notify.h"

#define HAL9_NOTIFY_CALM_MS (INT64_C(10) * 60 * 1000)
#define HAL9_NOTIFY_WITHIN_MS 2000
#define HAL9_NOTIFY_KEY_MAX 255
#define HAL9_SPOOL_MAX 1000              /* items that wait */
#define HAL9_SPOOL_FAILED_MAX 200        /* items that were given up */
#define HAL9_SPOOL_FILE_MAX (256 * 1024) /* bytes of a file that is read back */
#define HAL9_NOTIFY_RECORD_MAX (32 * 1024)

/* ---- places: the state directory, and the spare one ---- */

/* Directories that are open, the first is the best. */
struct hal9_places {
    struct hal9_state *v[2];
    size_t n;
    struct hal9_state *own; /* the spare one, closed at the end */
    const char *spare_dir;
};
/* Opens the spare directory beside the other where it is there. */
void hal9_places_open(const struct hal9_notify *n, struct hal9_places *ret);
void hal9_places_close(struct hal9_places *p);
/* Calls write for the first place, and where that fails, for the spare one, which is made then. The error is the first one. */
hal9_status hal9_places_write(struct hal9_places *p,
                              hal9_status (*write)(struct hal9_state *s, void *data,
                                                   struct hal9_error *err),
                              void *data, struct hal9_error *err);

/* ---- items of the spool ---- */

struct hal9_item {
    struct hal9_notification told;
    char *dest;    /* which receiver: see hal9_notify_dest() */
    int64_t seq;   /* order within its incident */
    cJSON *record; /* what the receiver gets */
};
void hal9_item_clear(struct hal9_item *i);
cJSON *hal9_item_json(const struct hal9_item *i);
/* HAL9_E_CORRUPT when it is none; HAL9_E_UNSUPPORTED when a newer build wrote it. */
hal9_status hal9_item_parse(const cJSON *j, struct hal9_item *ret, struct hal9_error *err);
/* One line for people: "hal9-server: failing on web-1: port 8080 is ...". Fresh. */
char *hal9_item_summary(const struct hal9_item *i);

hal9_status hal9_spool_add(struct hal9_state *s, const struct hal9_item *i, struct hal9_error *err);
/* Ids in the spool or, given up, in spool/failed, oldest first. Removes what killed processes left half-written an hour ago, where it may. */
hal9_status hal9_spool_list(struct hal9_state *s, bool failed, struct hal9_strv *ret_ids,
                            struct hal9_error *err);
hal9_status hal9_spool_read(struct hal9_state *s, bool failed, const char *id,
                            struct hal9_item *ret, struct hal9_error *err);
/* Takes the item for this process alone and reads it again; *ret_fd keeps it until closed by hal9_spool_release(). HAL9_E_BUSY: another one has it;
 * HAL9_E_NOT_FOUND: it was sent. */
hal9_status hal9_spool_claim(struct hal9_state *s, const char *id, struct hal9_item *ret,
                             int *ret_fd, struct hal9_error *err);
void hal9_spool_release(int fd);
/* Sent: out of the spool. */
hal9_status hal9_spool_remove(struct hal9_state *s, bool failed, const char *id,
                              struct hal9_error *err);
/* Out of the spool, into spool/failed; the oldest there goes when there are too many. */
hal9_status hal9_spool_fail(struct hal9_state *s, const struct hal9_item *i,
                            struct hal9_error *err);
/* Files that can't be read as items go to spool/failed as they are. */
void hal9_spool_set_aside(struct hal9_state *s, const char *id);
char *hal9_spool_path(const struct hal9_state *s, bool failed, const char *id); /* fresh */
/* A breaker whose state is spool/DEST.breaker. s and dest are borrowed. */
struct hal9_spool_breaker {
    struct hal9_state *s;
    const char *dest;
};
struct hal9_breaker *hal9_spool_breaker_new(struct hal9_spool_breaker *where);

/* ---- incidents ---- */

/* How much is wrong; a receiver was told of the worst. */
enum hal9_level { HAL9_LEVEL_WELL, HAL9_LEVEL_DEGRADED, HAL9_LEVEL_UNKNOWN, HAL9_LEVEL_FAILING };
struct hal9_told {
    char *dest;
    char *incident; /* whose trigger it got last: its resolve has the same key */
    enum hal9_level level;
    int64_t better_ms;   /* since when it is better than that; 0: it isn't */
    int64_t resolved_ms; /* when it was last told of a recovery; 0: never */
    int64_t flaps;       /* how often it was bad again soon after */
};
struct hal9_incident {
    char *service;
    char *id; /* NULL: none yet */
    int64_t version, seq;
    int64_t closed_ms; /* 0: open */
    struct hal9_told *told;
    size_t n_told, cap_told;
    cJSON *outbox; /* items decided and perhaps not spooled yet */
};
void hal9_incident_clear(struct hal9_incident *i);
/* The newest of all places; one that isn't there, or is damaged, is a fresh one. */
void hal9_incident_load(struct hal9_places *p, const char *service, struct hal9_incident *ret);
bool hal9_incident_known(const struct hal9_places *p, const char *service);
hal9_status hal9_incident_save(struct hal9_places *p, struct hal9_incident *i,
                               struct hal9_error *err);
/* One process decides at a time. *ret_fd is let go with hal9_spool_release(). */
hal9_status hal9_incidents_lock(struct hal9_places *p, int cancel_fd, int *ret_fd,
                                struct hal9_error *err);
struct hal9_told *hal9_incident_told(struct hal9_incident *i, const char *dest);

/* What a receiver is to hear now; pure. *changed: *t is not what it was. NULL: nothing, else the event, static. */
const char *hal9_told_step(struct hal9_told *t, const struct hal9_notify_spec *spec,
                           const char *state, int64_t now_ms, int64_t calm_ms, bool *changed);
bool hal9_notify_wants(const struct hal9_notify_spec *spec, const char *event);

/* ---- drivers ---- */

struct hal9_delivery {
    const struct hal9_notify_spec *spec;
    const struct hal9_item *item;
    const char *dir;     /* where a file of a moment may be made */
    int64_t deadline_ms; /* monotonic */
    int cancel_fd;
    struct hal9_breaker *breaker;
};
struct hal9_outcome {
    enum {
        HAL9_OUT_SENT,
        HAL9_OUT_LATER,
        HAL9_OUT_NEVER,
        HAL9_OUT_UNTRIED /* nothing was sent: no time, interrupted, left alone by the breaker */
    } how;
    int64_t after_ms; /* LATER: the receiver wants that pause; -1: it doesn't say */
    bool all;         /* LATER: so it is for all that it would get */
    char *reason;     /* without secrets; fresh */
};
struct hal9_notify_driver {
    const char *type;
    bool (*is)(const struct hal9_notify_spec *spec);
    /* What tells this receiver from others of its kind; may hold secrets: it is hashed. */
    void (*identity)(const struct hal9_notify_spec *spec, struct hal9_buf *ret);
    char *(*label)(const struct hal9_notify_spec *spec); /* fresh */
    void (*send)(const struct hal9_delivery *d, struct hal9_outcome *ret);
};
extern const struct hal9_notify_driver hal9_notify_pagerduty, hal9_notify_webhook,
    hal9_notify_command;
const struct hal9_notify_driver *hal9_notify_driver_of(const struct hal9_notify_spec *spec);
/* A receiver's name in files: its kind and a hash of what tells it from others. Fresh. */
char *hal9_notify_dest(const struct hal9_notify_spec *spec);
const struct hal9_notify_spec *hal9_notify_find(const struct hal9_list *specs, const char *dest);

/* POSTs JSON; secret (NULL-able) is blanked in the reason. */
void hal9_notify_post(const struct hal9_delivery *d, const char *url, const char *authorization,
                      const char *body, const char *secret, struct hal9_outcome *ret);
/* An error as an outcome: LATER, or UNTRIED when interrupted. */
void hal9_outcome_error(struct hal9_outcome *o, const struct hal9_error *e);

/* ---- records ---- */

/* A copy that may leave the host: values of members whose names look like secrets blanked, too long ones cut. Fresh. */
cJSON *hal9_notify_clean(const cJSON *record);
/* Where to cut a text at max bytes or before, so that no character is broken. */
size_t hal9_utf8_cut(const char *text, size_t max);

#endif
