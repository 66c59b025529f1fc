/* All that it takes to start a process again, as a blob. Its environment has secrets: it goes nowhere else. */
#include <stdlib.h>
#include <string.h>

#include "workload/workload-internal.h"

/* Bytes that JSON can't carry as they are: {"hex": "..."}. */
static cJSON *text_json(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x80)
            continue;
        char *hex = hal9_alloc(2 * len + 1);
        for (size_t k = 0; k < len; k++)
            snprintf(hex + 2 * k, 3, "%02x", (unsigned char)text[k]);
        cJSON *j = cJSON_CreateObject();
        hal9_json_add_str(j, "hex", hex);
        free(hex);
        return j;
    }
    return cJSON_CreateString(text);
}

static char *text_parse(const cJSON *j) {
    const char *hex = hal9_json_str(j, "hex");
    if (!hex)
        return hal9_strdup(cJSON_GetStringValue(j));
    size_t len = strlen(hex) / 2;
    char *text = hal9_alloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        text[i] = (char)strtoul(pair, NULL, 16);
    }
    return text;
}

static void add_text(cJSON *to, const char *name, const char *text) {
    if (text)
        cJSON_AddItemToObject(to, name, text_json(text));
}

static cJSON *texts_json(const struct hal9_strv *s) {
    cJSON *j = cJSON_CreateArray();
    for (size_t i = 0; i < s->n; i++)
        cJSON_AddItemToArray(j, text_json(s->v[i]));
    return j;
}

static cJSON *numbers_json(const struct hal9_proc_capture *c) {
    cJSON *j = cJSON_CreateArray();
    for (size_t i = 0; i < c->n_groups; i++)
        cJSON_AddItemToArray(j, cJSON_CreateNumber(c->groups[i]));
    return j;
}

/* [soft, hard] by RLIMIT_*; as texts, because infinity is 2^64 - 1. */
static cJSON *limits_json(const struct hal9_proc_capture *c) {
    cJSON *j = cJSON_CreateArray();
    for (size_t i = 0; i < c->n_limits; i++) {
        cJSON *limit = cJSON_CreateObject();
        hal9_json_add_u64(limit, "soft", c->limits[i].rlim_cur);
        hal9_json_add_u64(limit, "hard", c->limits[i].rlim_max);
        cJSON_AddItemToArray(j, limit);
    }
    return j;
}

static cJSON *capture_json(const struct hal9_proc_capture *c) {
    cJSON *j = cJSON_CreateObject();
    add_text(j, "exe", c->exe);
    add_text(j, "cwd", c->cwd);
    cJSON_AddItemToObject(j, "argv", texts_json(&c->argv));
    cJSON_AddItemToObject(j, "env", texts_json(&c->env));
    hal9_json_add_int(j, "uid", c->uid);
    hal9_json_add_int(j, "gid", c->gid);
    cJSON_AddItemToObject(j, "groups", numbers_json(c));
    hal9_json_add_int(j, "umask", c->umask);
    cJSON_AddItemToObject(j, "limits", limits_json(c));
    add_text(j, "stdout", c->stdout_path);
    add_text(j, "stderr", c->stderr_path);
    return j;
}

hal9_status wl_capture_put(struct hal9_state *state, const struct hal9_proc_id *id,
                           char ret_sha[65], struct hal9_error *err) {
    _cleanup_(hal9_proc_capture_clear) struct hal9_proc_capture c = {0};
    hal9_status st = hal9_proc_capture(id, &c, err);
    if (st != HAL9_OK)
        return st;
    if (c.shows_title)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "it shows a title in place of its arguments: %s", c.argv.v[0]);
    _cleanup_json_ cJSON *j = capture_json(&c);
    char *text = hal9_json_text(j);
    st = hal9_blob_put(state, text, strlen(text), ret_sha, err);
    hal9_secret_free(text);
    return st;
}

static void texts_parse(const cJSON *array, struct hal9_strv *ret) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        hal9_strv_take(ret, text_parse(item));
    }
}

static void capture_parse(const cJSON *j, struct hal9_proc_capture *ret) {
    const cJSON *item;
    ret->exe = text_parse(cJSON_GetObjectItemCaseSensitive(j, "exe"));
    ret->cwd = text_parse(cJSON_GetObjectItemCaseSensitive(j, "cwd"));
    texts_parse(cJSON_GetObjectItemCaseSensitive(j, "argv"), &ret->argv);
    texts_parse(cJSON_GetObjectItemCaseSensitive(j, "env"), &ret->env);
    ret->uid = (uid_t)hal9_json_int(j, "uid", -1);
    ret->gid = (gid_t)hal9_json_int(j, "gid", -1);
    ret->umask = (mode_t)hal9_json_int(j, "umask", 022);
    ret->stdout_path = text_parse(cJSON_GetObjectItemCaseSensitive(j, "stdout"));
    ret->stderr_path = text_parse(cJSON_GetObjectItemCaseSensitive(j, "stderr"));
    size_t cap = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(j, "groups")) {
        gid_t *group = HAL9_APPEND(ret->groups, ret->n_groups, cap);
        *group = (gid_t)item->valuedouble;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(j, "limits")) {
        if (ret->n_limits == HAL9_ARRAY_LEN(ret->limits))
            break;
        ret->limits[ret->n_limits++] = (struct rlimit){.rlim_cur = hal9_json_u64(item, "soft"),
                                                       .rlim_max = hal9_json_u64(item, "hard")};
    }
}

hal9_status wl_capture_get(struct hal9_state *state, const char *sha, struct hal9_proc_capture *ret,
                           struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_json_ cJSON *j = NULL;
    hal9_status st = hal9_blob_get(state, sha, &text, err);
    if (st == HAL9_OK)
        st = hal9_json_parse(text.data ? text.data : "", text.len, &j, err);
    if (st != HAL9_OK)
        return st;
    struct hal9_proc_capture c = {0};
    capture_parse(j, &c);
    if (c.argv.n == 0 || !c.exe || c.uid == (uid_t)-1) {
        hal9_proc_capture_clear(&c);
        return hal9_error_set(err, HAL9_E_CORRUPT, "blob %s does not tell how a process ran", sha);
    }
    *ret = c;
    return HAL9_OK;
}
