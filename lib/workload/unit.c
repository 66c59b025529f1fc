/* The step kinds unit.stop and unit.start: systemd does it. */
#include <stdlib.h>
#include <string.h>

#include "hal9ops/net.h"
#include "workload/workload-internal.h"

enum { DEFAULT_TIMEOUT_MS = 120000 };

static const char *unit_of(const struct hal9_step_ctx *c) {
    const char *unit = hal9_json_str(hal9_step_args(c), "unit");
    return unit ? unit : "";
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    const char *unit = hal9_json_str(args, "unit");
    if (unit)
        hal9_strv_take(ret, hal9_strf("unit:%s", unit));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

/* A unit on its way up or down is neither: for a stop it still runs, for a start it doesn't yet. */
static bool is_active(const char *active, bool stopping) {
    if (stopping)
        return !hal9_streq(active, "inactive") && !hal9_streq(active, "failed");
    return hal9_streq(active, "active") || hal9_streq(active, "reloading");
}

static hal9_status inspect_unit(struct hal9_step_ctx *c, bool stopping, cJSON **ret_state,
                                struct hal9_error *err) {
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    hal9_status st = hal9_systemd_show(unit_of(c), &u, err);
    if (st != HAL9_OK)
        return st;
    cJSON *state = cJSON_CreateObject();
    cJSON_AddBoolToObject(state, "active", is_active(u.active, stopping));
    cJSON *observed = cJSON_AddObjectToObject(state, "observed");
    hal9_json_add_int(observed, "main_pid", u.main_pid);
    hal9_json_add_str(observed, "state", u.active);
    hal9_json_add_str(observed, "sub", u.sub);
    *ret_state = state;
    return HAL9_OK;
}

static hal9_status inspect_stop(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    return inspect_unit(c, true, ret, err);
}

static hal9_status inspect_start(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    return inspect_unit(c, false, ret, err);
}

static cJSON *active_state(bool active) {
    cJSON *state = cJSON_CreateObject();
    cJSON_AddBoolToObject(state, "active", active);
    return state;
}

static hal9_status intent_stop(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                               struct hal9_error *err) {
    (void)c, (void)before, (void)err;
    *ret = active_state(false);
    return HAL9_OK;
}

static hal9_status intent_start(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                                struct hal9_error *err) {
    (void)c, (void)before, (void)err;
    *ret = active_state(true);
    return HAL9_OK;
}

static hal9_status tell_systemd(struct hal9_step_ctx *c, const char *verb, struct hal9_error *err) {
    int64_t timeout = hal9_json_int(hal9_step_args(c), "timeout_ms", DEFAULT_TIMEOUT_MS);
    hal9_step_progress(c, "waiting for systemctl %s %s", verb, unit_of(c));
    return hal9_systemd_do(verb, unit_of(c), timeout, hal9_step_cancel_fd(c), err);
}

static hal9_status apply_stop(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                              struct hal9_error *err) {
    (void)before, (void)intent;
    return tell_systemd(c, "stop", err);
}

static hal9_status apply_start(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                               struct hal9_error *err) {
    (void)before, (void)intent;
    return tell_systemd(c, "start", err);
}

/* systemd does the same thing twice without harm. */
static hal9_status recover(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                           const cJSON *now, enum hal9_recovery *ret, struct hal9_error *err) {
    (void)c, (void)before, (void)intent, (void)now, (void)err;
    *ret = HAL9_RECOVER_APPLY;
    return HAL9_OK;
}

static hal9_status invert_stop(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                               const char **ret_kind, cJSON **ret_args, char **ret_title,
                               struct hal9_error *err) {
    (void)before, (void)after, (void)err;
    *ret_kind = hal9_kind_unit_start.name;
    *ret_args = cJSON_Duplicate(hal9_step_args(c), true);
    *ret_title = hal9_strf("start unit %s again", unit_of(c));
    return HAL9_OK;
}

static hal9_status invert_start(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                                const char **ret_kind, cJSON **ret_args, char **ret_title,
                                struct hal9_error *err) {
    (void)before, (void)after, (void)err;
    *ret_kind = hal9_kind_unit_stop.name;
    *ret_args = cJSON_Duplicate(hal9_step_args(c), true);
    *ret_title = hal9_strf("stop unit %s", unit_of(c));
    return HAL9_OK;
}

const struct hal9_step_kind hal9_kind_unit_stop = {
    .name = "unit.stop",
    .version = 1,
    .resources = resources,
    .inspect = inspect_stop,
    .intent = intent_stop,
    .apply = apply_stop,
    .recover = recover,
    .invert = invert_stop,
};

const struct hal9_step_kind hal9_kind_unit_start = {
    .name = "unit.start",
    .version = 1,
    .resources = resources,
    .inspect = inspect_start,
    .intent = intent_start,
    .apply = apply_start,
    .recover = recover,
    .invert = invert_start,
};
