/* The step kind exec.preflight: the service's own check of its configuration, before anything is stopped. */
#include <string.h>

#include "workload/workload-internal.h"

enum { DEFAULT_TIMEOUT_MS = 30000, MAX_OUTPUT = 65536, MAX_LINES = 20 };

/* Its first lines; stderr first, where complaints are. */
static cJSON *first_lines(const struct hal9_run_result *r) {
    cJSON *lines = cJSON_CreateArray();
    char *const texts[] = {r->err.data, r->out.data};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(texts); i++) {
        char *save = NULL;
        for (char *line = texts[i] ? strtok_r(texts[i], "\n", &save) : NULL;
             line && cJSON_GetArraySize(lines) < MAX_LINES; line = strtok_r(NULL, "\n", &save))
            cJSON_AddItemToArray(lines, cJSON_CreateString(line));
    }
    hal9_redact_json(NULL, lines);
    return lines;
}

static hal9_status complain(struct hal9_step_ctx *c, const struct wl_command *command,
                            const struct hal9_run_result *r, struct hal9_error *err) {
    _cleanup_free_ char *typed = hal9_shell_quote((const char *const *)command->argv.v);
    cJSON *detail = cJSON_CreateObject();
    cJSON *lines = first_lines(r);
    const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(lines, 0));
    hal9_error_set(err, HAL9_E_FAILED, "preflight failed (exit %d)%s%s", r->exit,
                   first ? ": " : ", without a word", first ? first : "");
    hal9_error_hint(err, "nothing was stopped; see for yourself: %s", typed);
    hal9_json_add_int(detail, "exit", r->exit);
    cJSON_AddItemToObject(detail, "output", lines);
    hal9_step_detail(c, detail);
    return HAL9_E_FAILED;
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    (void)before, (void)intent;
    const cJSON *args = hal9_step_args(c);
    int64_t timeout = hal9_json_int(args, "timeout_ms", DEFAULT_TIMEOUT_MS);
    _cleanup_(wl_command_clear) struct wl_command command = {0};
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    hal9_status st = wl_command_resolve(args, NULL, &command, err);
    command.key = "preflight";
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
    hal9_step_progress(c, "running %s", command.argv.v[0]);
    st = hal9_run(&spawn, timeout, hal9_step_cancel_fd(c), MAX_OUTPUT, &r, err);
    if (st == HAL9_OK && r.exit != 0)
        st = complain(c, &command, &r, err);
    return st;
}

const struct hal9_step_kind hal9_kind_exec_preflight = {
    .name = "exec.preflight",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE,
    .apply = apply,
};
