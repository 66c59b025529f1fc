/* States of steps: before, intended, now. */
#include <string.h>

#include "op/op-internal.h"

static bool is_observed(const cJSON *member) {
    return hal9_streq(member->string, "observed");
}

/* Number of members that count; *ret_same: each of them is in other with an equal value. */
static size_t compare(const cJSON *one, const cJSON *other, bool *ret_same) {
    size_t n = 0;
    const cJSON *m;
    cJSON_ArrayForEach(m, one) {
        if (is_observed(m))
            continue;
        n++;
        const cJSON *twin = cJSON_GetObjectItemCaseSensitive(other, m->string);
        if (!twin || !hal9_json_equal(m, twin))
            *ret_same = false;
    }
    return n;
}

bool op_state_equal(const cJSON *a, const cJSON *b) {
    bool same = true;
    if (!a || !b)
        return false;
    if (!cJSON_IsObject(a) || !cJSON_IsObject(b))
        return hal9_json_equal(a, b);
    return compare(a, b, &same) == compare(b, a, &same) && same;
}

hal9_status op_inspect(struct hal9_step_ctx *c, cJSON **ret, struct hal9_error *err) {
    const struct hal9_step_kind *k = c->step->kind;
    cJSON *state = NULL;
    hal9_status st = k->inspect ? k->inspect(c, &state, err) : HAL9_OK;
    if (st == HAL9_OK)
        *ret = state ? state : cJSON_CreateObject();
    return st;
}

hal9_status op_intent(struct hal9_step_ctx *c, const cJSON *before, cJSON **ret,
                      struct hal9_error *err) {
    const struct hal9_step_kind *k = c->step->kind;
    if (k->intent)
        return k->intent(c, before, ret, err);
    *ret = cJSON_CreateObject();
    cJSON_AddTrueToObject(*ret, "done");
    return HAL9_OK;
}

/* What can't be seen can't be so already. */
bool op_is_so(const struct op_step *s, const cJSON *before, const cJSON *intent) {
    return s->kind->inspect && op_state_equal(before, intent);
}

hal9_status op_look(struct hal9_step_ctx *c, struct hal9_error *err) {
    struct op_step *s = c->step;
    cJSON *before = NULL;
    cJSON *intent = NULL;
    hal9_status st = op_inspect(c, &before, err);
    if (st == HAL9_OK)
        st = op_intent(c, before, &intent, err);
    if (st != HAL9_OK) {
        cJSON_Delete(before);
        return st;
    }
    pthread_mutex_lock(&c->op->lock);
    cJSON_Delete(s->before);
    cJSON_Delete(s->intent);
    s->before = before;
    s->intent = intent;
    pthread_mutex_unlock(&c->op->lock);
    return HAL9_OK;
}

cJSON *op_three_values(const cJSON *before, const cJSON *intent, const cJSON *now) {
    cJSON *three = cJSON_CreateObject();
    cJSON_AddItemToObject(three, "before",
                          before ? cJSON_Duplicate(before, true) : cJSON_CreateNull());
    cJSON_AddItemToObject(three, "intent",
                          intent ? cJSON_Duplicate(intent, true) : cJSON_CreateNull());
    cJSON_AddItemToObject(three, "now", now ? cJSON_Duplicate(now, true) : cJSON_CreateNull());
    return three;
}

#define VALUE_WIDTH 160 /* of a state in a message */

char *op_value_text(const cJSON *state) {
    _cleanup_json_ cJSON *bare = state ? cJSON_Duplicate(state, true) : cJSON_CreateNull();
    cJSON_DeleteItemFromObjectCaseSensitive(bare, "observed");
    char *text = hal9_json_text(bare);
    size_t len = strlen(text);
    if (len <= VALUE_WIDTH)
        return text;
    for (len = VALUE_WIDTH; len > 0 && (text[len] & 0xc0) == 0x80;)
        len--; /* not within a character */
    char *cut = hal9_strf("%.*s...", (int)len, text);
    free(text);
    return cut;
}
