/* Whether a command can be started at all, told in the words of the configuration before anything is touched. */
#include <errno.h>
#include <string.h>

#include "workload/workload-internal.h"

static bool in_group(const struct wl_command *c, gid_t group) {
    if (group == (c->set_user ? c->gid : getegid()))
        return true;
    for (size_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == group)
            return true;
    if (c->set_user)
        return false;
    gid_t mine[256];
    int n = getgroups(HAL9_ARRAY_LEN(mine), mine);
    for (int i = 0; i < n; i++)
        if (mine[i] == group)
            return true;
    return false;
}

bool wl_command_may(const struct wl_command *c, const struct stat *st, int how) {
    uid_t uid = c->set_user ? c->uid : geteuid();
    mode_t bits = (mode_t)how; /* R_OK, W_OK and X_OK are the mode's bits of others */
    if (uid == 0)
        return how != X_OK || S_ISDIR(st->st_mode) || (st->st_mode & 0111);
    if (st->st_uid == uid)
        return (st->st_mode >> 6 & bits) == bits;
    if (in_group(c, st->st_gid))
        return (st->st_mode >> 3 & bits) == bits;
    return (st->st_mode & bits) == bits;
}

static hal9_status check_user(const struct wl_command *c, struct hal9_error *err) {
    if (!c->set_user || geteuid() == 0 || c->uid == geteuid())
        return HAL9_OK;
    _cleanup_free_ char *user = hal9_user_name(c->uid);
    hal9_error_set(err, HAL9_E_PERM, "%s runs as user %s, which only root can start it as", c->name,
                   user);
    hal9_error_hint(err, "run as root or as user %s", user);
    return HAL9_E_PERM;
}

static hal9_status check_cwd(const struct wl_command *c, struct hal9_error *err) {
    struct stat st;
    const char *what = c->captured ? "its directory" : "run.cwd";
    if (!c->cwd)
        return HAL9_OK;
    if (stat(c->cwd, &st) < 0)
        return errno == ENOENT
                   ? hal9_error_set(err, HAL9_E_NOT_FOUND, "%s %s does not exist", what, c->cwd)
                   : hal9_error_errno(err, errno, "%s %s", what, c->cwd);
    if (!S_ISDIR(st.st_mode))
        return hal9_error_set(err, HAL9_E_FAILED, "%s %s is not a directory", what, c->cwd);
    if (!wl_command_may(c, &st, X_OK))
        return hal9_error_set(err, HAL9_E_PERM, "%s %s may not be entered by the user it runs as",
                              what, c->cwd);
    return HAL9_OK;
}

static const char *path_of(const struct hal9_strv *env) {
    for (size_t i = 0; i < env->n; i++)
        if (hal9_startswith(env->v[i], "PATH="))
            return env->v[i] + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

static bool runnable(const struct wl_command *c, const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && wl_command_may(c, &st, X_OK);
}

static hal9_status check_in_path(const struct wl_command *c, struct hal9_error *err) {
    const char *path = path_of(&c->env);
    const char *program = c->argv.v[0];
    for (const char *at = path; *at; at += strcspn(at, ":"), at += *at == ':') {
        _cleanup_free_ char *dir = hal9_strndup(at, strcspn(at, ":"));
        _cleanup_free_ char *file = hal9_path_join(*dir ? dir : ".", program);
        if (runnable(c, file))
            return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_NOT_FOUND, "%s %s is not in PATH (%s)", c->key, program,
                          path);
}

static hal9_status check_program(const struct wl_command *c, struct hal9_error *err) {
    struct stat st;
    const char *program = c->exe ? c->exe : c->argv.v[0];
    if (!c->exe && !strchr(program, '/'))
        return check_in_path(c, err);
    _cleanup_free_ char *path =
        *program == '/' || !c->cwd ? hal9_strdup(program) : hal9_path_join(c->cwd, program);
    if (stat(path, &st) < 0)
        return errno == ENOENT
                   ? hal9_error_set(err, HAL9_E_NOT_FOUND, "%s %s does not exist", c->key, path)
                   : hal9_error_errno(err, errno, "%s %s", c->key, path);
    if (!S_ISREG(st.st_mode))
        return hal9_error_set(err, HAL9_E_FAILED, "%s %s is not a program", c->key, path);
    if (wl_command_may(c, &st, X_OK))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_PERM, "%s %s is not executable for the user it runs as", c->key,
                   path);
    hal9_error_hint(err, "ls -l %s; chmod +x %s", path, path);
    return HAL9_E_PERM;
}

hal9_status wl_command_check(const struct wl_command *c, struct hal9_error *err) {
    hal9_status st = check_user(c, err);
    if (st == HAL9_OK)
        st = check_cwd(c, err);
    if (st == HAL9_OK)
        st = check_program(c, err);
    return st;
}
