/* systemd through systemctl: asked and told with a plain environment, never asking back. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "net/systemd.h"

#define SHOW_TIMEOUT_MS 10000
#define MAX_OUTPUT ((size_t)256 * 1024)

bool hal9_systemd_running(void) {
    return access("/run/systemd/system", F_OK) == 0;
}

/* This process' environment, in the language that is parsed here. */
static void plain_environment(struct hal9_strv *env) {
    for (char **e = environ; e && *e; e++)
        if (!hal9_startswith(*e, "LC_") && !hal9_startswith(*e, "LANG") &&
            !hal9_startswith(*e, "SYSTEMD_"))
            hal9_strv_add(env, *e);
    hal9_strv_add(env, "LC_ALL=C");
    hal9_strv_add(env, "SYSTEMD_COLORS=0");
    hal9_strv_add(env, "SYSTEMD_PAGER=");
}

static hal9_status run_systemctl(const char *const *argv, int64_t timeout_ms, int cancel_fd,
                                 struct hal9_run_result *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv env = {0};
    if (!hal9_systemd_running())
        return hal9_error_set(err, HAL9_E_UNSUPPORTED, "systemd does not run on this host");
    plain_environment(&env);
    const struct hal9_spawn spawn = {.argv = argv,
                                     .envp = (const char *const *)env.v,
                                     .stdio = {-1, -1, -1},
                                     .new_session = true};
    return hal9_run(&spawn, timeout_ms, cancel_fd, MAX_OUTPUT, ret, err);
}

/* The first line of what it said on stderr, fresh: the rest is where to read more. */
static char *first_words(const struct hal9_buf *b) {
    return hal9_strndup(b->data ? b->data : "", b->data ? strcspn(b->data, "\n") : 0);
}

static hal9_status tell_failure(const char *verb, const char *unit, const struct hal9_run_result *r,
                                struct hal9_error *err) {
    _cleanup_free_ char *words = first_words(&r->err);
    hal9_status status = HAL9_E_FAILED;
    if (r->exit == 4 || strstr(words, "ccess denied") || strstr(words, "uthentication"))
        status = HAL9_E_PERM;
    else if (r->exit == 5 || strstr(words, "not found") || strstr(words, "not loaded"))
        status = HAL9_E_NOT_FOUND;
    hal9_error_set(err, status, "systemctl %s %s: %s", verb, unit,
                   *words ? words : "it failed without a word");
    if (status == HAL9_E_PERM)
        hal9_error_hint(err, "run as root");
    else if (status == HAL9_E_FAILED)
        hal9_error_hint(err, "systemctl status %s says more", unit);
    return status;
}

hal9_status hal9_systemd_show(const char *unit, struct hal9_unit *ret, struct hal9_error *err) {
    _cleanup_free_ char *properties = hal9_strf("--property=%s", hal9_unit_properties);
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    const char *const argv[] = {"systemctl", "show",     "--no-pager", "--no-ask-password",
                                properties,  "--system", "--",         unit,
                                NULL};
    hal9_status status = run_systemctl(argv, SHOW_TIMEOUT_MS, -1, &r, err);
    if (status != HAL9_OK)
        return status;
    if (r.exit != 0)
        return tell_failure("show", unit, &r, err);
    return hal9_unit_parse(unit, r.out.data ? r.out.data : "", ret, err);
}

hal9_status hal9_systemd_do(const char *verb, const char *unit, int64_t timeout_ms, int cancel_fd,
                            struct hal9_error *err) {
    _cleanup_(hal9_run_result_clear) struct hal9_run_result r = {0};
    const char *const argv[] = {"systemctl", verb, "--no-pager", "--no-ask-password",
                                "--system",  "--", unit,         NULL};
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status status = run_systemctl(argv, timeout_ms, cancel_fd, &r, &e);
    if (status == HAL9_E_TIMEOUT) {
        _cleanup_free_ char *span = hal9_span_text(timeout_ms);
        hal9_error_set(&e, status, "systemctl %s %s: not done within %s", verb, unit, span);
    }
    if (status == HAL9_E_TIMEOUT || status == HAL9_E_INTERRUPTED)
        hal9_error_hint(&e, "systemd goes on with the job: systemctl list-jobs");
    if (status != HAL9_OK)
        return hal9_error_move(err, &e);
    if (r.exit == 0)
        return HAL9_OK;
    return tell_failure(verb, unit, &r, err);
}
