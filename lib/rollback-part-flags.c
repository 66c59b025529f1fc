/* Parts of the kind flags: the feature flags of a store. */
#include <string.h>

#include "rollback-internal.h"

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    (void)s;
    return hal9_flags_read(p->flags, NULL, cancel_fd, ret_state, err);
}

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_json_ cJSON *state = NULL;

    return capture(p, NULL, cancel_fd, &state, err);
}

/* A flag that the snapshot doesn't know may be somebody else's, in a store that many share: it is left alone. */
static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *differ = cJSON_CreateObject();
    const cJSON *one;

    (void)err;
    cJSON_ArrayForEach(one, wanted) {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, one->string);

        if (!is || !hal9_flag_equal(p->flags, one, is))
            cJSON_AddItemToObject(differ, one->string, cJSON_Duplicate(one, true));
    }
    if (cJSON_GetArraySize(differ) == 0)
        return HAL9_OK;
    _cleanup_free_ char *name = rb_step_name(plan_, p->name);
    int n = cJSON_GetArraySize(differ);

    hal9_plan_step(plan_, name, hal9_kind_flag_set.name, hal9_args_flag_set(p->flags, differ),
                   "bring back %d %s of %s", n, n == 1 ? "flag" : "flags", p->flags->name);
    hal9_strv_add(ret_steps, name);
    return HAL9_OK;
}

/* ---- differences ---- */

static void tell(const struct rb_part *p, const char *flag, const cJSON *a, const cJSON *b,
                 struct hal9_buf *words, cJSON *json) {
    _cleanup_free_ char *from = a ? hal9_flag_words(p->flags, flag, a) : hal9_strdup("not there");
    _cleanup_free_ char *to = b ? hal9_flag_words(p->flags, flag, b) : hal9_strdup("not there");
    const bool alike = hal9_streq(from, to);

    hal9_buf_printf(words, "%s %s: %s -> %s%s\n", p->flags->name, flag, from, to,
                    alike ? " (its rules differ)" : "");
    if (!json)
        return;
    cJSON *one = cJSON_CreateObject();

    hal9_json_add_str(one, "part", p->name);
    hal9_json_add_str(one, "flag", flag);
    hal9_json_add_str(one, "change", !a ? "added" : !b ? "removed" : "changed");
    hal9_json_add_str(one, "from", from);
    hal9_json_add_str(one, "to", to);
    cJSON_AddItemToArray(json, one);
}

static bool same(const struct rb_part *p, const cJSON *a, const cJSON *b) {
    return hal9_flag_equal(p->flags, a, b);
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = b ? HAL9_OK : capture(p, s, -1, &now, err);

    if (st != HAL9_OK)
        return st;
    *ret_n = rb_diff_members(p, a, b ? b : now, same, tell, ret_words, ret_json);
    return HAL9_OK;
}

const struct rb_part_kind rb_part_flags = {
    .kind = "flags",
    .word = "features",
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
};
