/* The step kind port.settle: for a while, nobody takes the port again. */
#include "workload/workload-internal.h"

/* The kernel has no event for a new listener (sock_diag multicasts only the end of sockets), so the port is looked at again and again:
 * one kernel dump, some milliseconds on a host with very many sockets. */
enum { LOOK_MS = 25 };

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    enum hal9_proto proto;
    uint16_t port;
    (void)err;
    wl_port_parse(args, &proto, &port);
    hal9_strv_take(ret, wl_port_resource(port));
    return HAL9_OK;
}

static hal9_status respawned(struct hal9_step_ctx *c, const struct wl_taker *t, int64_t after_ms,
                             struct hal9_error *err) {
    enum hal9_proto proto;
    uint16_t port;
    wl_port_parse(hal9_step_args(c), &proto, &port);
    _cleanup_free_ char *words = wl_port_words(proto, port);
    _cleanup_free_ char *who = wl_taker_words(t);
    cJSON *detail = cJSON_CreateObject();
    hal9_json_add_str(detail, "answer", "respawned");
    cJSON_AddItemToObject(detail, "by", wl_taker_json(t));
    hal9_json_add_int(detail, "after_ms", after_ms);
    hal9_step_detail(c, detail);
    hal9_error_set(err, HAL9_E_FAILED, "%s was taken again by %s", words, who);
    wl_taker_hint(t, err);
    return HAL9_E_FAILED;
}

static hal9_status watch(struct hal9_step_ctx *c, const struct hal9_service_ref *owner,
                         struct hal9_error *err) {
    enum hal9_proto proto;
    uint16_t port;
    int64_t start = hal9_mono_ms();
    int64_t end = start + hal9_json_int(hal9_step_args(c), "settle_ms", 1000);
    wl_port_parse(hal9_step_args(c), &proto, &port);
    for (;;) {
        _cleanup_(wl_taker_clear) struct wl_taker t = {0};
        bool found = false;
        hal9_status st = wl_taker_find(proto, port, owner, &found, &t, err);
        int64_t now = hal9_mono_ms();
        if (st == HAL9_OK && found)
            return respawned(c, &t, now - start, err);
        if (st != HAL9_OK || now >= end)
            return st;
        hal9_step_progress(c, "watching %u for a second thief, %d ms to go", port,
                           (int)(end - now));
        st = hal9_step_wait(c, -1, now + LOOK_MS < end ? now + LOOK_MS : end, err);
        if (st != HAL9_OK)
            return st;
    }
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    (void)before, (void)intent;
    const cJSON *owner = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "owner");
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    hal9_status st = owner ? hal9_service_ref_parse(owner, &ref, err) : HAL9_OK;
    return st == HAL9_OK ? watch(c, owner ? &ref : NULL, err) : st;
}

const struct hal9_step_kind hal9_kind_port_settle = {
    .name = "port.settle",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .resources = resources,
    .apply = apply,
};
