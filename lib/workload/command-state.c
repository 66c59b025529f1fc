/* How what only a command of the site's own can change is now: its verify's answer, or what its state command prints. */
#include <string.h>

#include "workload/workload-internal.h"

enum { MAX_OUTPUT = 65536 };

static const char *name_of(const cJSON *args) {
    const char *name = hal9_json_str(args, "name");
    return name ? name : "command";
}

static hal9_status resolve(const cJSON *args, const char *which, struct wl_command *ret,
                           struct hal9_error *err) {
    _cleanup_json_ cJSON *one = cJSON_Duplicate(args, true);
    const char *wanted = hal9_json_str(args, "wanted_state");
    cJSON_DeleteItemFromObjectCaseSensitive(one, "argv");
    cJSON_AddItemToObject(one, "argv",
                          cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(args, which), true));
    hal9_status st = wl_command_resolve(one, NULL, ret, err);
    if (st != HAL9_OK)
        return st;
    ret->key = which;
    if (wanted)
        hal9_strv_take(&ret->env, hal9_strf("HAL9OPS_STATE=%s", wanted));
    return HAL9_OK;
}

hal9_status hal9_command_check(const cJSON *args, const char *which, struct hal9_error *err) {
    _cleanup_(wl_command_clear) struct wl_command command = {0};
    hal9_status st = resolve(args, which, &command, err);
    return st == HAL9_OK ? wl_command_check(&command, err) : st;
}

hal9_status wl_command_run(const cJSON *args, const char *which, int cancel_fd,
                           struct hal9_run_result *ret, struct hal9_error *err) {
    _cleanup_(wl_command_clear) struct wl_command command = {0};
    hal9_status st = resolve(args, which, &command, err);
    if (st == HAL9_OK)
        st = wl_command_check(&command, err);
    if (st != HAL9_OK)
        return st;
    const struct hal9_spawn spawn = {.argv = (const char *const *)command.argv.v,
                                     .envp = (const char *const *)command.env.v,
                                     .cwd = command.cwd,
                                     .set_user = command.set_user,
                                     .uid = command.uid,
                                     .gid = command.gid,
                                     .groups = command.groups,
                                     .n_groups = command.n_groups,
                                     .stdio = {-1, -1, -1},
                                     .set_umask = true,
                                     .umask = command.umask};
    /* one byte more: what is cut off is known by it */
    return hal9_run(&spawn, hal9_json_int(args, "timeout_ms", WL_COMMAND_MS), cancel_fd,
                    MAX_OUTPUT + 1, ret, err);
}

static hal9_status add_so(const cJSON *args, int cancel_fd, cJSON *to, struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    hal9_status st = wl_command_run(args, "verify", cancel_fd, &r, err);
    if (st == HAL9_OK && r.exit >= 126)
        st = hal9_error_set(err, HAL9_E_UNKNOWN, "verify of %s ended with %d", name_of(args),
                            r.exit);
    if (st == HAL9_OK)
        cJSON_AddBoolToObject(to, "so", r.exit == 0);
    return st;
}

/* The last line of what it complained of, redacted; fresh, or NULL. */
static char *complaint(struct hal9_buf *text) {
    hal9_redact_buf(text);
    while (text->len > 0 && strchr("\n\r ", text->data[text->len - 1]))
        text->len--;
    size_t from = text->len;
    while (from > 0 && text->data[from - 1] != '\n')
        from--;
    return text->len > 0 ? hal9_strndup(text->data + from, text->len - from) : NULL;
}

static hal9_status add_state(const cJSON *args, int cancel_fd, cJSON *to, struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    hal9_status st = wl_command_run(args, "state", cancel_fd, &r, err);
    if (st != HAL9_OK)
        return st;
    if (r.exit != 0) {
        _cleanup_free_ char *why = complaint(&r.err);
        return hal9_error_set(err, HAL9_E_UNKNOWN, "state of %s ended with %d%s%s", name_of(args),
                              r.exit, why ? ": " : "", why ? why : "");
    }
    if (r.out.len > MAX_OUTPUT)
        return hal9_error_set(err, HAL9_E_LIMIT, "state of %s prints more than %d bytes",
                              name_of(args), MAX_OUTPUT);
    if (r.out.len > 0 && memchr(r.out.data, 0, r.out.len))
        return hal9_error_set(err, HAL9_E_UNKNOWN, "state of %s prints what is no text",
                              name_of(args));
    hal9_redact_buf(&r.out);
    while (r.out.len > 0 && r.out.data[r.out.len - 1] == '\n')
        r.out.len--;
    _cleanup_free_ char *text = hal9_strndup(r.out.len > 0 ? r.out.data : "", r.out.len);
    hal9_json_add_str(to, "state", text);
    return HAL9_OK;
}

hal9_status hal9_command_state(const cJSON *args, int cancel_fd, cJSON **ret,
                               struct hal9_error *err) {
    const bool has_state = cJSON_GetObjectItemCaseSensitive(args, "state") != NULL;
    const bool has_verify = cJSON_GetObjectItemCaseSensitive(args, "verify") != NULL;
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_status st = has_verify ? add_so(args, cancel_fd, j, err) : HAL9_OK;
    if (st == HAL9_OK && has_state)
        st = add_state(args, cancel_fd, j, err);
    if (st != HAL9_OK)
        return st;
    if (!has_state && !has_verify)
        cJSON_AddNullToObject(j, "so");
    *ret = HAL9_TAKE_PTR(j);
    return HAL9_OK;
}
