/* What to start: a command of the configuration, or a process as it once ran, with its environment, user and limits. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
enum { DEFAULT_UMASK = 022 };

void wl_command_clear(struct wl_command *c) {
    for (size_t i = 0; i < c->env.n; i++) { /* it may have secrets */
        hal9_secret_free(c->env.v[i]);
        c->env.v[i] = NULL;
    }
    free(c->name);
    hal9_strv_free(&c->argv);
    hal9_strv_free(&c->env);
    free(c->exe);
    free(c->cwd);
    free(c->groups);
    free(c->stdout_path);
    free(c->stderr_path);
    *c = (struct wl_command){0};
}

/* Replaces NAME=... or adds it. */
static void set_env(struct hal9_strv *env, const char *name, const char *value) {
    size_t len = strlen(name);
    char *whole = hal9_strf("%s=%s", name, value);
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=') {
            free(env->v[i]);
            env->v[i] = whole;
            return;
        }
    hal9_strv_take(env, whole);
}

static void set_user_env(struct hal9_strv *env, const struct hal9_user *u) {
    set_env(env, "HOME", u->home);
    set_env(env, "USER", u->name);
    set_env(env, "LOGNAME", u->name);
}

/* What a service has of this process' environment: enough to run, nothing of the operator's. */
static void minimal_env(struct hal9_strv *env) {
    static const char *const inherited[] = {"HOME", "USER", "LOGNAME", "LANG"};
    const char *path = getenv("PATH");
    set_env(env, "PATH", path && *path ? path : DEFAULT_PATH);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(inherited); i++) {
        const char *value = getenv(inherited[i]);
        if (value)
            set_env(env, inherited[i], value);
    }
}

static hal9_status add_env(struct hal9_strv *env, const cJSON *value, struct hal9_error *err) {
    const char *text = cJSON_GetStringValue(value);
    if (!text) {
        _cleanup_free_ char *number = cJSON_IsNull(value) ? hal9_strdup("") : hal9_json_text(value);
        set_env(env, value->string, number);
        return HAL9_OK;
    }
    if (!hal9_startswith(text, "file:") && !hal9_startswith(text, "env:")) {
        set_env(env, value->string, text);
        return HAL9_OK;
    }
    char *secret = NULL;
    hal9_status st = hal9_secret_read(text, &secret, err);
    if (st != HAL9_OK) {
        hal9_error_prefix(err, "run.env %s", value->string);
        return st;
    }
    set_env(env, value->string, secret);
    hal9_secret_free(secret);
    return HAL9_OK;
}

static hal9_status use_user(struct wl_command *c, const char *name, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    _cleanup_(hal9_user_clear) struct hal9_user u = {0};
    if (!name)
        return HAL9_OK;
    if (hal9_user_lookup(name, &u, &e) != HAL9_OK) {
        hal9_error_prefix(&e, "run.user");
        return hal9_error_move(err, &e);
    }
    c->set_user = true;
    c->uid = u.uid;
    c->gid = u.gid;
    c->groups = HAL9_TAKE_PTR(u.groups);
    c->n_groups = u.n_groups;
    set_user_env(&c->env, &u);
    return HAL9_OK;
}

static hal9_status of_config(const cJSON *j, struct wl_command *c, struct hal9_error *err) {
    const char *mask = hal9_json_str(j, "umask");
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(j, "argv"), &c->argv);
    c->cwd = hal9_strdup(hal9_json_str(j, "cwd"));
    c->umask = mask ? (mode_t)strtoul(mask, NULL, 8) : DEFAULT_UMASK;
    minimal_env(&c->env);
    hal9_status st = use_user(c, hal9_json_str(j, "user"), err);
    const cJSON *value;
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(j, "env")) {
        if (st == HAL9_OK)
            st = add_env(&c->env, value, err);
    }
    return st;
}

static hal9_status of_capture(const char *sha, struct hal9_state *state, struct wl_command *c,
                              struct hal9_error *err) {
    struct hal9_proc_capture p = {0};
    if (!state)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "there is no state directory with blob %s",
                              sha);
    hal9_status st = wl_capture_get(state, sha, &p, err);
    if (st != HAL9_OK) {
        hal9_error_prefix(err, "how %s ran", c->name);
        return st;
    }
    c->captured = true;
    c->argv = p.argv;
    c->env = p.env;
    c->exe = p.exe;
    c->cwd = p.cwd;
    c->set_user = true;
    c->uid = p.uid;
    c->gid = p.gid;
    c->groups = p.groups;
    c->n_groups = p.n_groups;
    c->umask = p.umask;
    memcpy(c->limits, p.limits, sizeof(c->limits));
    c->n_limits = p.n_limits;
    c->stdout_path = p.stdout_path;
    c->stderr_path = p.stderr_path;
    return HAL9_OK;
}

hal9_status wl_command_resolve(const cJSON *command, struct hal9_state *state,
                               struct wl_command *ret, struct hal9_error *err) {
    const char *name = hal9_json_str(command, "name");
    const char *capture = hal9_json_str(command, "capture");
    struct wl_command c = {.name = hal9_strdup(name ? name : "process"),
                           .key = capture ? "its program" : "run.exec"};
    hal9_status st = capture ? of_capture(capture, state, &c, err) : of_config(command, &c, err);
    if (st == HAL9_OK && c.argv.n == 0)
        st = hal9_error_set(err, HAL9_E_CORRUPT, "there is no command to start %s", c.name);
    if (st == HAL9_OK)
        *ret = c;
    else
        wl_command_clear(&c);
    return st;
}
