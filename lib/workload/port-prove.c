/* The step kind port.prove: that the port can be bound, by binding it. */
#include "workload/workload-internal.h"

enum { FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 50 };

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    enum hal9_proto proto;
    uint16_t port;
    (void)err;
    wl_port_parse(args, &proto, &port);
    hal9_strv_take(ret, wl_port_resource(port));
    return HAL9_OK;
}

/* Bound, or only kept from it by what doesn't count: old connections. */
static bool is_free(enum hal9_bindable b) {
    return b == HAL9_BIND_OK || b == HAL9_BIND_TIME_WAIT;
}

/* What is to be proven. */
struct proof {
    enum hal9_proto proto;
    uint16_t port;
    bool has_owner; /* args.owner: it may have the port */
    struct hal9_service_ref owner;
    const char *answer; /* when it is proven */
};

static hal9_status proof_parse(const struct hal9_step_ctx *c, struct proof *ret,
                               struct hal9_error *err) {
    const cJSON *owner = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "owner");
    wl_port_parse(hal9_step_args(c), &ret->proto, &ret->port);
    ret->has_owner = owner;
    return owner ? hal9_service_ref_parse(owner, &ret->owner, err) : HAL9_OK;
}

static void proof_clear(struct proof *p) {
    hal9_service_ref_clear(&p->owner);
}

static hal9_status find_taker(const struct proof *p, bool *ret_found, struct wl_taker *ret,
                              struct hal9_error *err) {
    return wl_taker_find(p->proto, p->port, p->has_owner ? &p->owner : NULL, ret_found, ret, err);
}

/* A port below 1024 that this user may not bind has no proof by binding: then nobody may listen. Nor has one that its owner
 * has taken by now: then nobody else may. */
static hal9_status look(struct proof *p, enum hal9_bindable *ret, struct hal9_error *err) {
    enum hal9_bindable how = HAL9_BIND_OK;
    hal9_status st = hal9_sock_can_bind(p->proto, p->port, &how, err);
    p->answer = how == HAL9_BIND_TIME_WAIT ? "time_wait" : "free";
    if (st == HAL9_OK && (how == HAL9_BIND_DENIED || (how == HAL9_BIND_LISTENER && p->has_owner))) {
        _cleanup_(wl_taker_clear) struct wl_taker t = {0};
        bool found = false;
        st = find_taker(p, &found, &t, err);
        p->answer = how == HAL9_BIND_DENIED ? "not_tried" : "owner";
        how = found ? HAL9_BIND_LISTENER : HAL9_BIND_OK;
    }
    if (st == HAL9_OK)
        *ret = how;
    return st;
}

static hal9_status blocked(struct hal9_step_ctx *c, const char *words, struct hal9_error *err) {
    cJSON *detail = cJSON_CreateObject();
    hal9_json_add_str(detail, "answer", "blocked");
    hal9_step_detail(c, detail);
    hal9_error_set(
        err, HAL9_E_FAILED,
        "nobody listens on %s, but connections of the last server keep it from being bound", words);
    hal9_error_hint(err, "they end within a minute, or with their peers; a server that sets "
                         "SO_REUSEADDR is not kept waiting");
    return HAL9_E_FAILED;
}

/* args.freed: its holders have been stopped, so that whoever has it now has taken it since. */
static hal9_status held(struct hal9_step_ctx *c, const struct wl_taker *t, const char *words,
                        struct hal9_error *err) {
    bool again = hal9_json_bool(hal9_step_args(c), "freed", false);
    _cleanup_free_ char *who = wl_taker_words(t);
    cJSON *detail = cJSON_CreateObject();
    hal9_json_add_str(detail, "answer", again ? "respawned" : t->visible ? "other" : "hidden");
    cJSON_AddItemToObject(detail, "by", wl_taker_json(t));
    hal9_step_detail(c, detail);
    hal9_error_set(err, HAL9_E_FAILED, "%s %s %s", words,
                   again ? "was taken again by" : "is still held by", who);
    if (again)
        wl_taker_hint(t, err);
    else
        hal9_error_hint(err, "hal9-portfix %s frees it", words);
    return HAL9_E_FAILED;
}

/* Why it can't be bound; *ret_over: waiting would not help. */
static hal9_status blame(struct hal9_step_ctx *c, const struct proof *p, enum hal9_bindable how,
                         bool late, bool *ret_over, struct hal9_error *err) {
    _cleanup_free_ char *words = wl_port_words(p->proto, p->port);
    bool freed = hal9_json_bool(hal9_step_args(c), "freed", false);
    if (!late && (how != HAL9_BIND_LISTENER || !freed)) {
        hal9_step_progress(c, "waiting for %s to be free", words);
        return HAL9_OK;
    }
    _cleanup_(wl_taker_clear) struct wl_taker t = {0};
    bool found = false;
    hal9_status st = find_taker(p, &found, &t, err);
    if (st != HAL9_OK)
        return st;
    *ret_over = found || late;
    if (found)
        return held(c, &t, words, err);
    return late ? blocked(c, words, err) : HAL9_OK;
}

/* The kernel tells nobody when a socket closes, so it is tried again, at longer and longer pauses. */
static hal9_status try_until_free(struct hal9_step_ctx *c, struct proof *p,
                                  struct hal9_error *err) {
    enum hal9_bindable how = HAL9_BIND_OK;
    int64_t pause = FIRST_PAUSE_MS;
    int64_t deadline = hal9_mono_ms() + hal9_json_int(hal9_step_args(c), "within_ms", 0);
    for (;;) {
        bool over = false;
        hal9_status st = look(p, &how, err);
        if (st != HAL9_OK || is_free(how))
            return st;
        int64_t now = hal9_mono_ms();
        st = blame(c, p, how, now >= deadline, &over, err);
        if (st != HAL9_OK || over)
            return st;
        int64_t next = now + pause < deadline ? now + pause : deadline;
        st = hal9_step_wait(c, -1, next, err);
        if (st != HAL9_OK)
            return st;
        pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
    }
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    (void)before, (void)intent;
    _cleanup_(proof_clear) struct proof p = {0};
    hal9_status st = proof_parse(c, &p, err);
    return st == HAL9_OK ? try_until_free(c, &p, err) : st;
}

static hal9_status verify(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                          cJSON **ret_after, struct hal9_error *err) {
    (void)before, (void)intent;
    _cleanup_(proof_clear) struct proof p = {0};
    enum hal9_bindable how = HAL9_BIND_OK;
    bool over = false;
    hal9_status st = proof_parse(c, &p, err);
    if (st == HAL9_OK)
        st = look(&p, &how, err);
    if (st == HAL9_OK && !is_free(how))
        st = blame(c, &p, how, true, &over, err);
    if (st != HAL9_OK)
        return st;
    cJSON *after = cJSON_CreateObject();
    cJSON_AddTrueToObject(after, "free");
    hal9_json_add_str(cJSON_AddObjectToObject(after, "observed"), "answer", p.answer);
    *ret_after = after;
    return HAL9_OK;
}

const struct hal9_step_kind hal9_kind_port_prove = {
    .name = "port.prove",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .resources = resources,
    .apply = apply,
    .verify = verify,
};
