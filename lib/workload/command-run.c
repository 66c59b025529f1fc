/* The step kind command.run: what only a command of the site's own can do, with one that tells whether it is so and one that takes it back. */
#include <string.h>

#include "workload/workload-internal.h"

enum { DEFAULT_TIMEOUT_MS = 60000, MAX_OUTPUT = 65536, TAIL = 20 };

static const char *name_of(const cJSON *args) {
    const char *name = hal9_json_str(args, "name");
    return name ? name : "command";
}

cJSON *hal9_args_command(const char *name, const struct hal9_strv *apply,
                         const struct hal9_strv *verify, const struct hal9_strv *revert,
                         const struct hal9_run_spec *run, int64_t timeout_ms) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "name", name);
    cJSON_AddItemToObject(j, "apply", hal9_json_strv(apply));
    if (verify && verify->n > 0)
        cJSON_AddItemToObject(j, "verify", hal9_json_strv(verify));
    if (revert && revert->n > 0)
        cJSON_AddItemToObject(j, "revert", hal9_json_strv(revert));
    if (run) {
        hal9_json_add_str(j, "user", run->user);
        hal9_json_add_str(j, "cwd", run->cwd);
        if (run->env)
            cJSON_AddItemToObject(j, "env", cJSON_Duplicate(run->env, true));
    }
    hal9_json_add_int(j, "timeout_ms", timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
    cJSON_AddTrueToObject(j, "wanted");
    return j;
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    hal9_strv_take(ret, hal9_strf("command:%s", name_of(args)));
    wl_copy_resources(args, ret);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

static hal9_status run_argv(struct hal9_step_ctx *c, const char *which, struct hal9_run_result *ret,
                            struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c), *argv = cJSON_GetObjectItemCaseSensitive(args, which);
    _cleanup_json_ cJSON *one = cJSON_Duplicate(args, true);
    _cleanup_(wl_command_clear) struct wl_command command = {0};
    cJSON_DeleteItemFromObjectCaseSensitive(one, "argv");
    cJSON_AddItemToObject(one, "argv", cJSON_Duplicate(argv, true));
    hal9_status st = wl_command_resolve(one, NULL, &command, err);
    command.key = which;
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
    return hal9_run(&spawn, hal9_json_int(args, "timeout_ms", DEFAULT_TIMEOUT_MS),
                    hal9_step_cancel_fd(c), MAX_OUTPUT, ret, err);
}

/* {"so": whether verify says so}; null where there is no verify. */
static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    cJSON *so = NULL;
    if (!cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "verify")) {
        so = cJSON_CreateNull();
    } else {
        hal9_status st = run_argv(c, "verify", &r, err);
        if (st == HAL9_OK && r.exit >= 126)
            st = hal9_error_set(err, HAL9_E_UNKNOWN, "verify of %s ended with %d",
                                name_of(hal9_step_args(c)), r.exit);
        if (st != HAL9_OK)
            return st;
        so = cJSON_CreateBool(r.exit == 0);
    }
    *ret = cJSON_CreateObject();
    cJSON_AddItemToObject(*ret, "so", so);
    return HAL9_OK;
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                          struct hal9_error *err) {
    (void)before, (void)err;
    *ret = cJSON_CreateObject();
    cJSON_AddBoolToObject(*ret, "so", hal9_json_bool(hal9_step_args(c), "wanted", true));
    return HAL9_OK;
}

static cJSON *last_lines(const char *text) {
    struct hal9_strv all = {0};
    cJSON *lines = cJSON_CreateArray();
    for (const char *at = text; at && *at;) {
        size_t len = strcspn(at, "\n");
        hal9_strv_take(&all, hal9_strndup(at, len));
        at += len + (at[len] == '\n');
    }
    for (size_t i = all.n > TAIL ? all.n - TAIL : 0; i < all.n; i++)
        cJSON_AddItemToArray(lines, cJSON_CreateString(all.v[i]));
    hal9_strv_free(&all);
    return lines;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                         struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    const char *name = name_of(hal9_step_args(c));
    (void)before, (void)intent_;
    hal9_step_progress(c, "running %s", name);
    hal9_status st = run_argv(c, "apply", &r, err);
    if (st != HAL9_OK || r.exit == 0)
        return st;
    cJSON *detail = cJSON_CreateObject();
    hal9_json_add_int(detail, "exit", r.exit);
    cJSON_AddItemToObject(detail, "output", last_lines(r.err.len > 0 ? r.err.data : r.out.data));
    const char *last = cJSON_GetStringValue(cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(detail, "output"),
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(detail, "output")) - 1));
    hal9_error_set(err, HAL9_E_FAILED, "%s failed (exit %d)%s%s", name, r.exit, last ? ": " : "",
                   last ? last : "");
    hal9_step_detail(c, detail);
    return HAL9_E_FAILED;
}

/* Without verify the command's own word is all there is; its state stays what inspect gives, so that undo can compare. */
static hal9_status verify(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent_,
                          cJSON **ret_after, struct hal9_error *err) {
    cJSON *now = NULL;
    hal9_status st = inspect(c, &now, err);
    (void)before;
    if (st != HAL9_OK)
        return st;
    const cJSON *so = cJSON_GetObjectItemCaseSensitive(now, "so");
    if (cJSON_IsNull(so) || cJSON_IsTrue(so) == hal9_json_bool(intent_, "so", true)) {
        *ret_after = now;
        return HAL9_OK;
    }
    cJSON_Delete(now);
    return hal9_error_set(err, HAL9_E_FAILED,
                          "%s ended well, but its verify says that it is not so",
                          name_of(hal9_step_args(c)));
}

static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c), *m;
    (void)before, (void)after;
    if (hal9_json_bool(args, "one_way", false))
        return HAL9_OK;
    if (!cJSON_GetObjectItemCaseSensitive(args, "revert"))
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "%s can't be taken back: it has no revert command", name_of(args));
    cJSON *j = cJSON_CreateObject();
    cJSON_ArrayForEach(m, args) {
        const char *as = strcmp(m->string, "apply") == 0    ? "revert"
                         : strcmp(m->string, "revert") == 0 ? "apply"
                                                            : m->string;
        if (strcmp(as, "wanted") != 0)
            cJSON_AddItemToObject(j, as, cJSON_Duplicate(m, true));
    }
    cJSON_AddBoolToObject(j, "wanted", !hal9_json_bool(args, "wanted", true));
    *ret_kind = hal9_kind_command_run.name;
    *ret_args = j;
    *ret_title = hal9_strf("take back %s", name_of(args));
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    return hal9_strf("run %s", name_of(args));
}

const struct hal9_step_kind hal9_kind_command_run = {
    .name = "command.run",
    .version = 1,
    .resources = resources,
    .inspect = inspect,
    .intent = intent,
    .apply = apply,
    .verify = verify,
    .invert = invert,
    .describe = describe,
};
