/* The step kind command.run: what only a command of the site's own can do, with one that tells whether it is so and one that takes it back. */
#include <string.h>

#include "workload/workload-internal.h"

enum { TAIL = 20 };

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
    hal9_json_add_int(j, "timeout_ms", timeout_ms > 0 ? timeout_ms : WL_COMMAND_MS);
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

static hal9_status inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    return hal9_command_state(hal9_step_args(c), hal9_step_cancel_fd(c), ret, err);
}

static hal9_status intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                          struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    const char *text = hal9_json_str(args, "wanted_state");
    (void)before, (void)err;
    *ret = cJSON_CreateObject();
    if (!text || cJSON_GetObjectItemCaseSensitive(args, "verify"))
        cJSON_AddBoolToObject(*ret, "so", hal9_json_bool(args, "wanted", true));
    hal9_json_add_str(*ret, "state", text);
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
    hal9_status st = wl_command_run(hal9_step_args(c), "apply", hal9_step_cancel_fd(c), &r, err);
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
    const char *wanted = hal9_json_str(intent_, "state"), *is = hal9_json_str(now, "state");
    bool so_well = !cJSON_IsBool(so) || cJSON_IsTrue(so) == hal9_json_bool(intent_, "so", true);
    if (so_well && (!wanted || hal9_streq(wanted, is))) {
        *ret_after = now;
        return HAL9_OK;
    }
    if (so_well)
        hal9_error_set(err, HAL9_E_FAILED, "%s ended well, but its state is '%.200s', not '%.200s'",
                       name_of(hal9_step_args(c)), is ? is : "", wanted);
    cJSON_Delete(now);
    if (so_well)
        return HAL9_E_FAILED;
    return hal9_error_set(err, HAL9_E_FAILED,
                          "%s ended well, but its verify says that it is not so",
                          name_of(hal9_step_args(c)));
}

/* The other way round: revert in apply's place, and what was there before is what is wanted. */
static cJSON *args_back(const cJSON *args, const cJSON *before) {
    const bool both = cJSON_GetObjectItemCaseSensitive(args, "revert") != NULL;
    const char *text = hal9_json_str(before, "state");
    const cJSON *m;
    cJSON *j = cJSON_CreateObject();
    cJSON_ArrayForEach(m, args) {
        const char *as = both && strcmp(m->string, "apply") == 0    ? "revert"
                         : both && strcmp(m->string, "revert") == 0 ? "apply"
                                                                    : m->string;
        if (strcmp(as, "wanted") != 0 && strcmp(as, "wanted_state") != 0)
            cJSON_AddItemToObject(j, as, cJSON_Duplicate(m, true));
    }
    const bool other_way = !hal9_json_bool(args, "wanted", true);
    cJSON_AddBoolToObject(j, "wanted", text ? hal9_json_bool(before, "so", other_way) : other_way);
    hal9_json_add_str(j, "wanted_state", text);
    return j;
}

/* Without a revert there is a way back only where apply brings about whatever state it is told. */
static hal9_status invert(struct hal9_step_ctx *c, const cJSON *before, const cJSON *after,
                          const char **ret_kind, cJSON **ret_args, char **ret_title,
                          struct hal9_error *err) {
    const cJSON *args = hal9_step_args(c);
    (void)after;
    if (hal9_json_bool(args, "one_way", false))
        return HAL9_OK;
    if (!cJSON_GetObjectItemCaseSensitive(args, "revert") && !hal9_json_str(before, "state"))
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "%s can't be taken back: it has no revert command", name_of(args));
    *ret_kind = hal9_kind_command_run.name;
    *ret_args = args_back(args, before);
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
