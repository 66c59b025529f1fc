/* Whether what a service is started with is there: looked at before anything is stopped. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/net.h"
#include "hal9ops/sys.h"
#include "restart-internal.h"

/* An error at a key of `run`, or at the service where it has no such key. */
static hal9_status at_key(const struct hal9_service *s, const char *key, hal9_status code,
                          struct hal9_error *err, const char *fmt, ...) HAL9_PRINTF(5, 6);
static hal9_status at_key(const struct hal9_service *s, const char *key, hal9_status code,
                          struct hal9_error *err, const char *fmt, ...) {
    const struct hal9_node *run = s->node ? hal9_node_get(s->node, "run") : NULL;
    const struct hal9_node *n = run && key ? hal9_node_get(run, key) : NULL;
    va_list ap;

    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(err, code, "%s: run%s%s: %s", s->name, key ? "." : "", key ? key : "", text);
    if (n && n->kind == HAL9_NODE_LIST && n->n > 0)
        n = n->items[0];
    n = n ? n : run ? run : s->node;
    if (n)
        hal9_error_place(err, n->file, n->line, n->col);
    return code;
}

hal9_status hal9_restart_can_start(const struct hal9_service *s, struct hal9_error *err) {
    switch (s->run ? hal9_run_kind(s->run) : HAL9_RUN_NONE) {
    case HAL9_RUN_EXEC:
    case HAL9_RUN_SYSTEMD:
        return HAL9_OK;
    case HAL9_RUN_CONTAINER:
        return at_key(s, "container", HAL9_E_UNSUPPORTED, err,
                      "this build has no driver for containers");
    case HAL9_RUN_KUBERNETES:
        return at_key(s, "kubernetes", HAL9_E_UNSUPPORTED, err,
                      "this build has no driver for Kubernetes workloads");
    default:
        at_key(s, NULL, HAL9_E_CONFIG, err, "nothing tells how it is started");
        hal9_error_hint(err, "add  run: {exec: [PROGRAM, ARGUMENT...]}  or  run: {systemd: UNIT}");
        return HAL9_E_CONFIG;
    }
}

/* What can be executed there: HAL9_OK, or an errno. */
static int executable(const char *path) {
    struct stat st;

    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return access(path, X_OK) == 0 ? 0 : EACCES;
}

/* The value of PATH that the service's own environment will have. */
static const char *search_path(const struct hal9_run_spec *run) {
    const char *told = run->env ? hal9_json_str(run->env, "PATH") : NULL;
    const char *mine = getenv("PATH");

    if (told && !hal9_startswith(told, "file:") && !hal9_startswith(told, "env:"))
        return told;
    return mine ? mine : "/usr/local/bin:/usr/bin:/bin";
}

static bool in_path(const char *name, const char *path) {
    while (true) {
        size_t len = strcspn(path, ":");
        _cleanup_free_ char *dir = len > 0 ? hal9_strndup(path, len) : hal9_strdup(".");
        _cleanup_free_ char *file = hal9_path_join(dir, name);

        if (executable(file) == 0)
            return true;
        if (path[len] == '\0')
            return false;
        path += len + 1;
    }
}

static hal9_status program_there(const struct hal9_service *s, struct hal9_error *err) {
    const char *program = s->run->exec.v[0];

    if (!strchr(program, '/')) {
        if (in_path(program, search_path(s->run)))
            return HAL9_OK;
        return at_key(s, "exec", HAL9_E_REFUSED, err, "no program '%s' in PATH", program);
    }
    _cleanup_free_ char *path = program[0] == '/' || !s->run->cwd
                                    ? hal9_strdup(program)
                                    : hal9_path_join(s->run->cwd, program);
    int errnum = executable(path);

    if (errnum == EACCES)
        return at_key(s, "exec", HAL9_E_REFUSED, err, "%s is not executable", path);
    if (errnum == ENOENT || errnum == ENOTDIR)
        return at_key(s, "exec", HAL9_E_REFUSED, err, "%s does not exist", path);
    return errnum == 0 ? HAL9_OK
                       : at_key(s, "exec", HAL9_E_REFUSED, err, "%s can't be executed: %s", path,
                                strerror(errnum));
}

static hal9_status folder_there(const struct hal9_service *s, struct hal9_error *err) {
    struct stat st;

    if (!s->run->cwd)
        return HAL9_OK;
    if (stat(s->run->cwd, &st) < 0)
        return at_key(s, "cwd", HAL9_E_REFUSED, err, "%s: %s", s->run->cwd, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return at_key(s, "cwd", HAL9_E_REFUSED, err, "%s is no folder", s->run->cwd);
    return HAL9_OK;
}

static hal9_status user_there(const struct hal9_service *s, struct hal9_error *err) {
    struct hal9_user user = {0};
    _cleanup_error_ struct hal9_error why = {0};
    hal9_status st;

    if (!s->run->user)
        return HAL9_OK;
    if (hal9_user_lookup(s->run->user, &user, &why) != HAL9_OK)
        return at_key(s, "user", HAL9_E_REFUSED, err, "%s", why.message);
    st = HAL9_OK;
    if (geteuid() != 0 && geteuid() != user.uid) {
        st = at_key(s, "user", HAL9_E_REFUSED, err, "only root can start it as user %s",
                    s->run->user);
        hal9_error_hint(err, "sudo hal9-restart %s", s->name);
    }
    hal9_user_clear(&user);
    return st;
}

hal9_status hal9_restart_unit(struct hal9_restart_finding *f, struct hal9_error *err) {
    const struct hal9_service *s = f->service;
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    _cleanup_error_ struct hal9_error why = {0};

    if (hal9_run_kind(s->run) != HAL9_RUN_SYSTEMD)
        return HAL9_OK;
    if (hal9_systemd_show(s->run->systemd, &u, &why) != HAL9_OK)
        return at_key(s, "systemd",
                      why.code == HAL9_E_UNSUPPORTED ? HAL9_E_UNSUPPORTED : HAL9_E_REFUSED, err,
                      "%s", why.message);
    /* One whose work is done is active without any process. */
    if (f->running || hal9_streq(u.active, "inactive") || hal9_streq(u.active, "failed"))
        return HAL9_OK;
    f->running = true;
    f->pid = u.main_pid;
    free(f->words);
    f->words = hal9_strf("%s is %s (unit %s)", s->name, u.active, s->run->systemd);
    return HAL9_OK;
}

hal9_status hal9_restart_ready(const struct hal9_service *s, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    if (hal9_run_kind(s->run) != HAL9_RUN_EXEC)
        return HAL9_OK;
    st = folder_there(s, err);
    if (st == HAL9_OK)
        st = program_there(s, err);
    return st == HAL9_OK ? user_there(s, err) : st;
}
