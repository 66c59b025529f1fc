/* What differs between two snapshots, or between one and now: part by part. */
#include "rollback-internal.h"

struct job {
    const struct hal9_config *config;
    struct hal9_state *state;
    const cJSON *b; /* NULL: now */
    struct hal9_buf *words;
    cJSON *json;
    size_t n;
};

static void only_one(struct job *j, const char *name, const char *where) {
    j->n++;
    hal9_buf_printf(j->words, "%s: only in %s\n", name, where);
    if (!j->json)
        return;
    cJSON *one = cJSON_CreateObject();

    hal9_json_add_str(one, "part", name);
    hal9_json_add_str(one, "change", "only");
    hal9_json_add_str(one, "words", where);
    cJSON_AddItemToArray(j->json, one);
}

static hal9_status diff_part(struct job *j, const cJSON *one, struct hal9_error *err) {
    const char *name = hal9_json_str(one, "part");
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(one, "state");
    const cJSON *b = j->b ? rb_snapshot_state(j->b, name) : NULL;
    _cleanup_(rb_part_clear) struct rb_part p = {0};
    _cleanup_error_ struct hal9_error e = {0};
    size_t n = 0;

    if (!a || (j->b && !b)) {
        if (a)
            only_one(j, name, "the first");
        return HAL9_OK;
    }
    hal9_status st = rb_part_of_snapshot(j->config, one, &p, &e);

    if (st == HAL9_OK)
        st = p.kind->diff(&p, j->state, a, b, j->words, j->json, &n, &e);
    j->n += n;
    if (st == HAL9_OK)
        return HAL9_OK;
    hal9_error_prefix(&e, "%s", name ? name : "?");
    if (e.code != HAL9_E_CONFIG && e.code != HAL9_E_UNSUPPORTED && e.code != HAL9_E_CORRUPT)
        e.code = HAL9_E_UNKNOWN;
    return hal9_error_move(err, &e);
}

hal9_status hal9_rollback_diff(const struct hal9_config *c, struct hal9_state *s, const cJSON *a,
                               const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json,
                               size_t *ret_n, struct hal9_error *err) {
    struct job j = {c, s, b, ret_words, ret_json, 0};
    hal9_status st = HAL9_OK;
    const cJSON *one;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(a, "parts")) {
        if (st == HAL9_OK)
            st = diff_part(&j, one, err);
    }
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(b, "parts")) {
        const char *name = hal9_json_str(one, "part");

        if (st == HAL9_OK && cJSON_GetObjectItemCaseSensitive(one, "state") &&
            !rb_snapshot_state(a, name))
            only_one(&j, name, "the second");
    }
    if (st == HAL9_OK)
        *ret_n = j.n;
    return st;
}
