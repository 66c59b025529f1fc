/* A world for tests of notifications: a state directory, a receiver that records, and what was told. */
#ifndef HAL9_TESTS_NOTIFY_WORLD_H
#define HAL9_TESTS_NOTIFY_WORLD_H

#include "peer.h"
#include "store-temp.h"

#include "hal9ops/notify.h"
#include "notify/notify-internal.h"

#define START "2026-11-23T03:00:00Z"
#define SECRET "routing-key-that-nobody-may-see"

struct world {
    struct temp t;
    struct fixture f;
    int port; /* of the receiver, also while it is down */
    char url[64];
    char record[128];
    char key[128]; /* file: of the secret */
    struct hal9_notify n;
    struct hal9_list specs;
    struct hal9_notifications told;
};

static inline void now_is(const char *time) {
    setenv("HAL9OPS_NOW", time, 1);
}

static inline void keep_told(void *data, const struct hal9_notification *n) {
    struct world *w = data;
    struct hal9_notification *t = HAL9_APPEND(w->told.v, w->told.n, w->told.cap);
    *t = *n;
    t->id = hal9_strdup(n->id);
    t->to = hal9_strdup(n->to);
    t->type = hal9_strdup(n->type);
    t->event = hal9_strdup(n->event);
    t->service = hal9_strdup(n->service);
    t->key = hal9_strdup(n->key);
    t->reason = hal9_strdup(n->reason);
}

static inline struct world *world_new(void) {
    struct world *w = hal9_alloc(sizeof(*w));
    snprintf(w->t.dir, sizeof(w->t.dir), "/tmp/hal9-notify.XXXXXX");
    assert_non_null(mkdtemp(w->t.dir));
    _cleanup_free_ char *path = hal9_strf("%s/state", w->t.dir);
    assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &w->t.s, NULL));
    snprintf(w->record, sizeof(w->record), "%s/received", w->t.dir);
    snprintf(w->key, sizeof(w->key), "file:%s/key", w->t.dir);
    assert_ok(hal9_file_write(w->key + 5, SECRET "\n", strlen(SECRET) + 1, 0600, NULL));
    w->n = (struct hal9_notify){.state = w->t.s,
                                .specs = &w->specs,
                                .within_ms = 5000,
                                .cancel_fd = -1,
                                .told = keep_told,
                                .data = w};
    close(bound_socket(SOCK_STREAM, &w->port));
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/v2/enqueue?x=1", w->port);
    now_is(START);
    return w;
}

static inline void receiver_stop(struct world *w) {
    fixture_stop(&w->f);
}

/* The same port again, answering as told; "" and NULL end the list. */
static inline void receiver_start(struct world *w, const char *first, const char *second) {
    char port[16];
    const char *args[10] = {"--record", w->record, "--port", port, "--answer", first};
    snprintf(port, sizeof(port), "%d", w->port);
    if (second) {
        args[6] = "--answer";
        args[7] = second;
    }
    receiver_stop(w);
    w->f = fixture_start("http-receiver", args);
}

static inline struct hal9_notify_spec *add_spec(struct world *w) {
    struct hal9_notify_spec *s = hal9_alloc(sizeof(*s));
    *HAL9_APPEND(w->specs.v, w->specs.n, w->specs.cap) = s;
    return s;
}

static inline struct hal9_notify_spec *add_pagerduty(struct world *w) {
    struct hal9_notify_spec *s = add_spec(w);
    s->pagerduty = hal9_alloc(sizeof(*s->pagerduty));
    s->pagerduty->routing_key = hal9_strdup(w->key);
    s->pagerduty->url = hal9_strdup(w->url);
    return s;
}

static inline struct hal9_notify_spec *add_webhook(struct world *w, const char *path) {
    struct hal9_notify_spec *s = add_spec(w);
    s->webhook = hal9_alloc(sizeof(*s->webhook));
    s->webhook->url = hal9_strf("http://127.0.0.1:%d%s", w->port, path);
    return s;
}

static inline void world_free(struct world *w) {
    receiver_stop(w);
    for (size_t i = 0; i < w->specs.n; i++) {
        hal9_schema_clear(&hal9_notify_schema, w->specs.v[i]);
        free(w->specs.v[i]);
    }
    free(w->specs.v);
    hal9_notifications_clear(&w->told);
    hal9_state_close(w->t.s);
    temp_remove(w->t.dir);
    unsetenv("HAL9OPS_NOW");
    free(w);
}

/* A verdict of hal9-server. */
static inline hal9_status verdict(struct world *w, const char *state, const char *cause,
                                  struct hal9_error *err) {
    _cleanup_json_ cJSON *r = cJSON_CreateObject();
    hal9_json_add_int(r, "hal9", 1);
    hal9_json_add_str(r, "kind", "verdict");
    hal9_json_add_str(r, "time", START);
    hal9_json_add_str(r, "host", "web-1");
    hal9_json_add_str(r, "service", "hal9-server");
    hal9_json_add_str(r, "state", state);
    hal9_json_add_str(r, "cause", cause);
    hal9_json_add_str(r, "reason", "port 8080 is held by layer9-server");
    return hal9_notify_verdict(
        &w->n,
        &(struct hal9_notify_facts){
            .service = "hal9-server", .state = state, .cause = cause, .record = r},
        err);
}

static inline void is_now(struct world *w, const char *state) {
    assert_ok(verdict(w, state, NULL, NULL));
}

static inline void flush(struct world *w) {
    assert_ok(hal9_notify_flush(&w->n, NULL));
}

/* What the receiver got: an array of its requests. */
static inline cJSON *received(const struct world *w) {
    _cleanup_buf_ struct hal9_buf text = {0};
    cJSON *all = cJSON_CreateArray();
    if (hal9_file_read(w->record, 1 << 24, &text, NULL) != HAL9_OK || text.len == 0)
        return all;
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *j;
        assert_ok(hal9_json_parse(line, strlen(line), &j, NULL));
        cJSON_AddItemToArray(all, j);
    }
    return all;
}

/* The body of the n-th request (from 0), or NULL. */
static inline cJSON *body_at(const cJSON *all, int n) {
    const char *text = hal9_json_str(cJSON_GetArrayItem(all, n), "body");
    cJSON *body;
    if (!text || hal9_json_parse(text, strlen(text), &body, NULL) != HAL9_OK)
        return NULL;
    return body;
}

/* A member of the n-th request's body, as "trigger"; "" where there is none. *keep holds it. */
static inline const char *body_text(const struct world *w, int n, const char *name, cJSON **keep) {
    _cleanup_json_ cJSON *all = received(w);
    cJSON_Delete(*keep);
    *keep = body_at(all, n);
    const char *text = *keep ? hal9_json_str(*keep, name) : NULL;
    return text ? text : "";
}

static inline int count_received(const struct world *w) {
    _cleanup_json_ cJSON *all = received(w);
    return cJSON_GetArraySize(all);
}

/* How many wait or were given up. */
static inline size_t count_spool(const struct world *w, bool failed) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_spool_list(w->t.s, failed, &ids, NULL));
    return ids.n;
}

/* "queued sent": what was told since, in order; forgets it. */
static inline char *take_told(struct world *w) {
    struct hal9_buf b = {0};
    for (size_t i = 0; i < w->told.n; i++)
        hal9_buf_printf(&b, "%s%s", i ? " " : "", hal9_notification_state_name(w->told.v[i].state));
    hal9_notifications_clear(&w->told);
    return hal9_buf_take(&b);
}

#define assert_told(w, text)                       \
    do {                                           \
        _cleanup_free_ char *told_ = take_told(w); \
        assert_string_equal(told_, (text));        \
    } while (0)

static inline struct world *world_of(void **state) {
    return *state;
}
static inline int world_setup(void **state) {
    *state = world_new();
    return 0;
}
static inline int world_teardown(void **state) {
    world_free(*state);
    return 0;
}
#define world_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
