/* What a watch has tried: watches/PLAN.json, so that cool-down and attempts outlast it. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define FOLDER "watches"
#define FORMAT 1

void hal9_attempt_clear(struct hal9_attempt *a) {
    free(a->trigger);
    free(a->operation);
    free(a->outcome);
    *a = (struct hal9_attempt){0};
}

void hal9_attempts_clear(struct hal9_attempts *a) {
    for (size_t i = 0; i < a->n; i++)
        hal9_attempt_clear(&a->v[i]);
    free(a->v);
    *a = (struct hal9_attempts){0};
}

static char *path_of(const struct hal9_state *s, const char *plan) {
    _cleanup_free_ char *name = hal9_store_escape(plan);
    return hal9_strf("%s/" FOLDER "/%s.json", s->path, name);
}

/* ---- reading */

/* 0 where it is missing; false where it is none. */
static bool read_time(const cJSON *j, const char *name, int64_t *ret) {
    const cJSON *there = cJSON_GetObjectItemCaseSensitive(j, name);
    const char *text = hal9_json_str(j, name);
    *ret = 0;
    return !there || (text && hal9_time_parse(text, ret, NULL) == HAL9_OK && *ret > 0);
}

static bool read_one(const cJSON *j, struct hal9_attempts *to) {
    struct hal9_attempt a = {0};
    if (!cJSON_IsObject(j) || !read_time(j, "begun", &a.begun_ms) || a.begun_ms == 0 ||
        !read_time(j, "ended", &a.ended_ms))
        return false;
    a.trigger = hal9_strdup(hal9_json_str(j, "trigger"));
    a.operation = hal9_strdup(hal9_json_str(j, "operation"));
    a.outcome = hal9_strdup(hal9_json_str(j, "outcome"));
    *HAL9_APPEND(to->v, to->n, to->cap) = a;
    return true;
}

static bool read_all(const cJSON *j, struct hal9_attempts *to) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(j, "attempts"), *one;
    if (!cJSON_IsArray(list) || !read_time(j, "stopped", &to->stopped_ms))
        return false;
    cJSON_ArrayForEach(one, list) {
        if (!read_one(one, to))
            return false;
    }
    return true;
}

hal9_status hal9_attempts_load(struct hal9_state *s, const char *plan, struct hal9_attempts *ret,
                               struct hal9_error *err) {
    _cleanup_free_ char *path = s ? path_of(s, plan) : NULL;
    _cleanup_json_ cJSON *j = NULL;
    struct hal9_attempts a = {0};
    hal9_status st = s ? hal9_store_read_json(path, &j, err) : HAL9_OK;
    if (st == HAL9_OK && hal9_json_int(j, "hal9_watch", FORMAT) > FORMAT) {
        hal9_error_set(err, HAL9_E_USAGE, "%s is of a newer version of hal9ops", path);
        return HAL9_E_USAGE;
    }
    if (st == HAL9_OK && j && !read_all(j, &a))
        st = hal9_error_set(err, HAL9_E_CORRUPT, "%s is damaged", path);
    if (st == HAL9_E_CORRUPT)
        hal9_error_hint(err, "nobody knows how often it was tried; hal9-rollback watch --reset "
                             "begins anew");
    if (st != HAL9_OK) {
        hal9_attempts_clear(&a);
        return st;
    }
    *ret = a;
    return HAL9_OK;
}

/* ---- writing */

static void add_time(cJSON *j, const char *name, int64_t ms) {
    char text[32];
    if (ms <= 0)
        return;
    hal9_time_format(ms, text);
    hal9_json_add_str(j, name, text);
}

hal9_status hal9_attempts_save(struct hal9_state *s, const char *plan,
                               const struct hal9_attempts *a, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_path_join(s->path, FOLDER);
    _cleanup_free_ char *path = path_of(s, plan);
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_json_add_int(j, "hal9_watch", FORMAT);
    hal9_json_add_str(j, "plan", plan);
    add_time(j, "stopped", a->stopped_ms);
    cJSON *list = cJSON_AddArrayToObject(j, "attempts");
    for (size_t i = 0; i < a->n; i++) {
        cJSON *one = cJSON_CreateObject();
        add_time(one, "begun", a->v[i].begun_ms);
        add_time(one, "ended", a->v[i].ended_ms);
        hal9_json_add_str(one, "trigger", a->v[i].trigger);
        hal9_json_add_str(one, "operation", a->v[i].operation);
        hal9_json_add_str(one, "outcome", a->v[i].outcome);
        cJSON_AddItemToArray(list, one);
    }
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK)
        st = hal9_store_folder(s, folder, err);
    if (st != HAL9_OK)
        return hal9_state_explain(err, st);
    st = hal9_store_write_json(s, path, j, err);
    return st == HAL9_OK ? hal9_dir_sync(s->path, err) : st;
}

hal9_status hal9_attempts_reset(struct hal9_state *s, const char *plan, bool *ret_there,
                                struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_path_join(s->path, FOLDER);
    _cleanup_free_ char *path = path_of(s, plan);
    hal9_status st = hal9_state_writable(s, err);
    if (st != HAL9_OK)
        return st;
    *ret_there = hal9_sys_unlink(path) == 0;
    if (!*ret_there)
        return errno == ENOENT ? HAL9_OK
                               : hal9_state_explain(
                                     err, hal9_error_errno(err, errno, "cannot remove %s", path));
    return hal9_dir_sync(folder, err);
}
