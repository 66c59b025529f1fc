/* Holds: a service that every tool keeps its hands off, until a time. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define FOLDER "holds"

void hal9_hold_clear(struct hal9_hold *h) {
    free(h->service);
    free(h->reason);
    free(h->user);
    *h = (struct hal9_hold){0};
}

static char *hold_path(const struct hal9_state *s, const char *service) {
    _cleanup_free_ char *name = hal9_store_escape(service);
    return hal9_strf("%s/" FOLDER "/%s.json", s->path, name);
}

hal9_status hal9_hold_put(struct hal9_state *s, const char *service, int64_t until_ms,
                          const char *reason, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_path_join(s->path, FOLDER);
    _cleanup_free_ char *path = hold_path(s, service);
    _cleanup_free_ char *user = hal9_user_name(geteuid());
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    char since[32], until[32];
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK)
        st = hal9_store_folder(s, folder, err);
    if (st != HAL9_OK)
        return hal9_state_explain(err, st);
    hal9_time_format(hal9_now_ms(), since);
    hal9_time_format(until_ms, until);
    hal9_json_add_str(j, "service", service);
    hal9_json_add_str(j, "reason", reason);
    hal9_json_add_str(j, "user", sudo ? sudo : user);
    hal9_json_add_str(j, "since", since);
    hal9_json_add_str(j, "until", until);
    st = hal9_store_write_json(s, path, j, err);
    return st == HAL9_OK ? hal9_dir_sync(s->path, err) : st;
}

/* *ret_there false: no such file. */
static hal9_status read_hold(const char *path, struct hal9_hold *ret, bool *ret_there,
                             struct hal9_error *err) {
    _cleanup_json_ cJSON *j = NULL;
    hal9_status st = hal9_store_read_json(path, &j, err);
    const char *service = hal9_json_str(j, "service"), *since = hal9_json_str(j, "since"),
               *until = hal9_json_str(j, "until");
    struct hal9_hold h = {0};
    *ret_there = false;
    if (st == HAL9_OK && !j)
        return HAL9_OK;
    if (st == HAL9_OK &&
        (!service || !since || !until || hal9_time_parse(since, &h.since_ms, NULL) != HAL9_OK ||
         hal9_time_parse(until, &h.until_ms, NULL) != HAL9_OK))
        st = hal9_error_set(err, HAL9_E_CORRUPT, "%s is damaged", path);
    if (st == HAL9_E_CORRUPT)
        hal9_error_hint(err, "hal9-restart unhold lifts it, whatever it said");
    if (st != HAL9_OK)
        return st;
    h.service = hal9_strdup(service);
    h.reason = hal9_strdup(hal9_json_str(j, "reason"));
    h.user = hal9_strdup(hal9_json_str(j, "user"));
    *ret = h;
    *ret_there = true;
    return HAL9_OK;
}

hal9_status hal9_hold_get(struct hal9_state *s, const char *service, struct hal9_hold *ret,
                          bool *ret_held, struct hal9_error *err) {
    _cleanup_(hal9_hold_clear) struct hal9_hold h = {0};
    _cleanup_free_ char *path = s ? hold_path(s, service) : NULL;
    bool there = false;
    hal9_status st = s ? read_hold(path, &h, &there, err) : HAL9_OK;
    if (st != HAL9_OK)
        return st;
    *ret_held = there && h.until_ms > hal9_now_ms();
    if (*ret_held && ret) {
        *ret = h;
        h = (struct hal9_hold){0};
    }
    return HAL9_OK;
}

hal9_status hal9_hold_drop(struct hal9_state *s, const char *service, bool *ret_held,
                           struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_path_join(s->path, FOLDER);
    _cleanup_free_ char *path = hold_path(s, service);
    hal9_status st = hal9_state_writable(s, err);
    if (st != HAL9_OK)
        return st;
    /* A damaged one counts: it did hold. */
    if (hal9_hold_get(s, service, NULL, ret_held, NULL) != HAL9_OK)
        *ret_held = true;
    if (hal9_sys_unlink(path) < 0)
        return errno == ENOENT ? HAL9_OK
                               : hal9_state_explain(
                                     err, hal9_error_errno(err, errno, "cannot remove %s", path));
    return hal9_dir_sync(folder, err);
}

static int by_name(const void *a, const void *b) {
    const struct hal9_hold *x = a, *y = b;
    return strcmp(x->service, y->service);
}

static void free_holds(struct hal9_hold *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        hal9_hold_clear(&v[i]);
    free(v);
}

/* Those that have expired, or those that have not, by name. lenient: what is damaged is left out. */
static hal9_status list(struct hal9_state *s, bool expired, bool lenient, struct hal9_hold **ret,
                        size_t *ret_n, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_path_join(s->path, FOLDER);
    struct hal9_hold *all = NULL;
    size_t n = 0, cap = 0;
    hal9_status st = HAL9_OK;
    DIR *dir = opendir(folder);
    if (!dir && errno != ENOENT)
        return hal9_error_errno(err, errno, "cannot read %s", folder);
    for (struct dirent *e; dir && st == HAL9_OK && (e = readdir(dir));) {
        _cleanup_free_ char *path = hal9_path_join(folder, e->d_name);
        struct hal9_hold h = {0};
        bool there = false;
        if (e->d_name[0] == '.' || !hal9_endswith(e->d_name, ".json"))
            continue;
        st = read_hold(path, &h, &there, lenient ? NULL : err);
        if (lenient)
            st = HAL9_OK;
        if (there && (h.until_ms <= hal9_now_ms()) == expired)
            *HAL9_APPEND(all, n, cap) = h;
        else
            hal9_hold_clear(&h);
    }
    if (dir)
        closedir(dir);
    if (st != HAL9_OK) {
        free_holds(all, n);
        return st;
    }
    if (n > 0)
        qsort(all, n, sizeof(*all), by_name);
    *ret = all;
    *ret_n = n;
    return HAL9_OK;
}

hal9_status hal9_hold_list(struct hal9_state *s, struct hal9_hold **ret, size_t *ret_n,
                           struct hal9_error *err) {
    return list(s, false, false, ret, ret_n, err);
}

hal9_status hal9_hold_sweep(struct hal9_state *s, bool dry, struct hal9_hold **ret, size_t *ret_n,
                            struct hal9_error *err) {
    struct hal9_hold *all = NULL, *gone = NULL;
    size_t n = 0, n_gone = 0, cap = 0;
    hal9_status st = list(s, true, true, &all, &n, err);
    for (size_t i = 0; st == HAL9_OK && i < n; i++) {
        bool held = false, again = false;
        /* Somebody may have put another one meanwhile. */
        if (!dry && hal9_hold_get(s, all[i].service, NULL, &again, NULL) == HAL9_OK && !again)
            st = hal9_hold_drop(s, all[i].service, &held, err);
        if (st != HAL9_OK || again)
            continue;
        *HAL9_APPEND(gone, n_gone, cap) = all[i];
        all[i] = (struct hal9_hold){0};
    }
    free_holds(all, n);
    if (st != HAL9_OK) {
        free_holds(gone, n_gone);
        return st;
    }
    *ret = gone;
    *ret_n = n_gone;
    return HAL9_OK;
}

char *hal9_hold_words(const struct hal9_hold *h) {
    const int64_t left = h->until_ms - hal9_now_ms();
    _cleanup_free_ char *span = hal9_span_text(left > 0 ? (left + 500) / 1000 * 1000 : 0);
    char clock[16];
    hal9_time_clock(h->until_ms, clock);
    return hal9_strf("held by %s until %s (for %s)%s%s", h->user ? h->user : "somebody", clock,
                     span, h->reason ? ": " : "", h->reason ? h->reason : "");
}

hal9_status hal9_hold_check(struct hal9_state *s, const char *service, struct hal9_error *err) {
    _cleanup_(hal9_hold_clear) struct hal9_hold h = {0};
    bool held = false;
    hal9_status st = hal9_hold_get(s, service, &h, &held, err);
    if (st != HAL9_OK)
        return st;
    if (!held)
        return HAL9_OK;
    _cleanup_free_ char *words = hal9_hold_words(&h);
    hal9_error_set(err, HAL9_E_REFUSED, "%s is %s", service, words);
    hal9_error_hint(err, "to lift it: hal9-restart unhold %s", service);
    return HAL9_E_REFUSED;
}
