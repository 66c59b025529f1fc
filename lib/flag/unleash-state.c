/* States of Unleash: what of them counts, what they are in words, what a word makes of them. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

/* ---- what counts: all but the ids, which a recreated strategy has anew, in one form */

static int by_number(const void *a, const void *b) {
    const double one = (*(cJSON *const *)a)->valuedouble, two = (*(cJSON *const *)b)->valuedouble;
    return (one > two) - (one < two);
}

static cJSON *sorted_numbers(const cJSON *list) {
    cJSON *out = cJSON_CreateArray();
    const int n = cJSON_GetArraySize(list);
    cJSON **v = hal9_alloc(((size_t)n + 1) * sizeof(*v));
    for (int i = 0; i < n; i++)
        v[i] = cJSON_Duplicate(cJSON_GetArrayItem(list, i), true);
    if (n > 1)
        qsort(v, (size_t)n, sizeof(*v), by_number);
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(out, v[i]);
    free(v);
    return out;
}

static void add_list(cJSON *to, const char *name, const cJSON *from) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(from, name);
    cJSON_AddItemToObject(to, name,
                          cJSON_IsArray(list) ? cJSON_Duplicate(list, true) : cJSON_CreateArray());
}

cJSON *fl_unleash_strategy(const cJSON *s) {
    cJSON *out = cJSON_CreateObject();
    const char *title = hal9_json_str(s, "title");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(s, "parameters");
    hal9_json_add_str(out, "name", hal9_json_str(s, "name"));
    hal9_json_add_str(out, "title", title ? title : "");
    cJSON_AddBoolToObject(out, "disabled", hal9_json_bool(s, "disabled", false));
    hal9_json_add_int(out, "sortOrder", hal9_json_int(s, "sortOrder", 0));
    cJSON_AddItemToObject(out, "segments",
                          sorted_numbers(cJSON_GetObjectItemCaseSensitive(s, "segments")));
    add_list(out, "constraints", s);
    add_list(out, "variants", s);
    cJSON_AddItemToObject(out, "parameters",
                          cJSON_IsObject(parameters) ? cJSON_Duplicate(parameters, true)
                                                     : cJSON_CreateObject());
    return out;
}

struct sorted {
    cJSON *j;
    char *text;
    int64_t order;
};

static int by_order(const void *a, const void *b) {
    const struct sorted *one = a, *two = b;
    if (one->order != two->order)
        return one->order < two->order ? -1 : 1;
    return strcmp(one->text, two->text);
}

/* Members come in any order from the server: it keeps JSON that way. */
static int by_key(const void *a, const void *b) {
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static void sort_keys(cJSON *j) {
    const size_t n = (size_t)cJSON_GetArraySize(j);
    for (cJSON *c = j->child; c; c = c->next)
        sort_keys(c);
    if (!cJSON_IsObject(j) || n < 2)
        return;
    cJSON **v = hal9_alloc(n * sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = cJSON_DetachItemFromArray(j, 0);
    qsort(v, n, sizeof(*v), by_key);
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(j, v[i]);
    free(v);
}

static cJSON *sorted_strategies(const cJSON *list) {
    cJSON *out = cJSON_CreateArray();
    const cJSON *s;
    struct sorted *v = NULL;
    size_t n = 0, cap = 0;
    cJSON_ArrayForEach(s, list) {
        cJSON *plain = fl_unleash_strategy(s);
        sort_keys(plain);
        *HAL9_APPEND(v, n, cap) =
            (struct sorted){plain, hal9_json_text(plain), hal9_json_int(plain, "sortOrder", 0)};
    }
    if (n > 1)
        qsort(v, n, sizeof(*v), by_order);
    for (size_t i = 0; i < n; i++) {
        cJSON_AddItemToArray(out, v[i].j);
        free(v[i].text);
    }
    free(v);
    return out;
}

cJSON *fl_unleash_plain(const cJSON *state) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "enabled", hal9_json_bool(state, "enabled", false));
    cJSON_AddItemToObject(out, "strategies",
                          sorted_strategies(cJSON_GetObjectItemCaseSensitive(state, "strategies")));
    add_list(out, "variants", state);
    return out;
}

/* ---- half-way */

static bool same_but_order(const cJSON *a, const cJSON *b) {
    _cleanup_json_ cJSON *one = cJSON_Duplicate(a, true);
    _cleanup_json_ cJSON *two = cJSON_Duplicate(b, true);
    cJSON_DeleteItemFromObjectCaseSensitive(one, "sortOrder");
    cJSON_DeleteItemFromObjectCaseSensitive(two, "sortOrder");
    return hal9_json_equal(one, two);
}

static bool has(const cJSON *state, const cJSON *strategy) {
    const cJSON *s;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(state, "strategies")) {
        if (same_but_order(s, strategy))
            return true;
    }
    return false;
}

/* Every strategy is one that was there or is to be: so far a change may have come, in any of its requests. One that somebody made by hand
 * is neither. Disabling the last enabled one turns the environment off, so that it may be off on the way. */
bool fl_unleash_between(const cJSON *before, const cJSON *intent, const cJSON *now) {
    const cJSON *s;
    if (!cJSON_IsObject(now) || !cJSON_IsObject(intent))
        return false;
    const bool on = hal9_json_bool(now, "enabled", false);
    if (on && !hal9_json_bool(before, "enabled", false) &&
        !hal9_json_bool(intent, "enabled", false))
        return false;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(now, "strategies")) {
        if (!has(before, s) && !has(intent, s))
            return false;
    }
    const cJSON *variants = cJSON_GetObjectItemCaseSensitive(now, "variants");
    return hal9_json_equal(variants, cJSON_GetObjectItemCaseSensitive(before, "variants")) ||
           hal9_json_equal(variants, cJSON_GetObjectItemCaseSensitive(intent, "variants"));
}

/* ---- words */

static bool is_on(const cJSON *strategy) {
    return !hal9_json_bool(strategy, "disabled", false);
}

/* The only enabled strategy, or NULL; *ret_n: how many. */
static cJSON *only(const cJSON *state, size_t *ret_n) {
    cJSON *s, *found = NULL;
    *ret_n = 0;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(state, "strategies")) {
        if (!is_on(s))
            continue;
        found = s;
        ++*ret_n;
    }
    return *ret_n == 1 ? found : NULL;
}

static const char *rollout_of(const cJSON *strategy) {
    return hal9_streq(hal9_json_str(strategy, "name"), "flexibleRollout")
               ? hal9_json_str(cJSON_GetObjectItemCaseSensitive(strategy, "parameters"), "rollout")
               : NULL;
}

static bool narrowed(const cJSON *strategy) {
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(strategy, "segments")) > 0 ||
           cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(strategy, "constraints")) > 0;
}

/* The variant that has all the weight, or NULL. */
static const char *whole_variant(const cJSON *strategy) {
    const cJSON *v;
    const cJSON *variants = cJSON_GetObjectItemCaseSensitive(strategy, "variants");
    cJSON_ArrayForEach(v, variants) {
        if (cJSON_GetArraySize(variants) > 1 && hal9_json_int(v, "weight", 0) == 1000)
            return hal9_json_str(v, "name");
    }
    return NULL;
}

char *fl_unleash_words(const char *name, const cJSON *state) {
    size_t n;
    const cJSON *one = only(state, &n);
    const char *rollout = one ? rollout_of(one) : NULL;
    const char *variant = one ? whole_variant(one) : NULL;
    const char *rules = one && narrowed(one) ? ", with rules" : "";
    (void)name;
    if (!hal9_json_bool(state, "enabled", false))
        return hal9_strdup("off");
    if (n > 1)
        return hal9_strf("on, %zu strategies", n);
    if (rollout && strcmp(rollout, "100") != 0)
        return hal9_strf("%s%%%s", rollout, rules);
    if (variant)
        return hal9_strf("variant %s%s", variant, rules);
    return hal9_strf("on%s", rules);
}

/* ---- what a word asks for */

/* Made here and not by the server's `on`, so that what is intended is known before anything is done. */
static cJSON *new_rollout(const char *name, const char *percent, int64_t order) {
    cJSON *s = cJSON_CreateObject();
    hal9_json_add_str(s, "name", "flexibleRollout");
    hal9_json_add_int(s, "sortOrder", order);
    cJSON *p = cJSON_AddObjectToObject(s, "parameters");
    hal9_json_add_str(p, "rollout", percent);
    hal9_json_add_str(p, "stickiness", "default");
    hal9_json_add_str(p, "groupId", name);
    cJSON *whole = fl_unleash_strategy(s);
    cJSON_Delete(s);
    return whole;
}

static void set_bool(cJSON *j, const char *name, bool value) {
    cJSON_ReplaceItemInObjectCaseSensitive(j, name, cJSON_CreateBool(value));
}

static void add_rollout(cJSON *state, const char *name, const char *percent) {
    cJSON *list = cJSON_GetObjectItemCaseSensitive(state, "strategies");
    int64_t order = 0;
    const cJSON *s;
    cJSON_ArrayForEach(s, list) {
        const int64_t has_order = hal9_json_int(s, "sortOrder", 0);
        order = has_order >= order ? has_order + 1 : order;
    }
    cJSON_AddItemToArray(list, new_rollout(name, percent, order));
}

static hal9_status to_percent(const char *name, cJSON *state, const char *word, double percent,
                              struct hal9_error *err) {
    size_t n;
    cJSON *one = only(state, &n);
    _cleanup_free_ char *text = fl_percent_text(percent);
    text[strlen(text) - 1] = '\0';
    if (strchr(text, '.'))
        return hal9_error_set(err, HAL9_E_USAGE, "Unleash knows whole percents only, not '%s'",
                              word);
    if (n > 1 || (one && !rollout_of(one))) {
        hal9_error_set(err, HAL9_E_USAGE,
                       "%s has %zu enabled strategies of its own: %s of which can't be told", name,
                       n, word);
        hal9_error_hint(err, "'on' and 'off' leave them as they are; else change it in Unleash");
        return HAL9_E_USAGE;
    }
    if (!one)
        add_rollout(state, name, text);
    else
        cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(one, "parameters"),
                                               "rollout", cJSON_CreateString(text));
    set_bool(state, "enabled", true);
    return HAL9_OK;
}

static void to_on(const char *name, cJSON *state) {
    size_t n;
    cJSON *one = only(state, &n);
    if (n == 0)
        add_rollout(state, name, "100");
    else if (one && rollout_of(one) && hal9_json_bool(state, "enabled", false))
        cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(one, "parameters"),
                                               "rollout", cJSON_CreateString("100"));
    set_bool(state, "enabled", true);
}

static hal9_status to_variant(const char *name, cJSON *state, const char *word,
                              struct hal9_error *err) {
    size_t n;
    const cJSON *one = only(state, &n);
    cJSON *variants = cJSON_GetObjectItemCaseSensitive(one, "variants"), *v;
    const char *variant = hal9_startswith(word, "variant ") ? word + strlen("variant ") : word;
    _cleanup_strv_ struct hal9_strv would = {0};
    bool found = false;
    hal9_strv_add(&would, "on");
    hal9_strv_add(&would, "off");
    hal9_strv_add(&would, "25%");
    cJSON_ArrayForEach(v, variants) {
        hal9_strv_add(&would, hal9_json_str(v, "name"));
        found = found || hal9_streq(hal9_json_str(v, "name"), variant);
    }
    if (!found)
        return fl_bad_word(err, name, word, &would,
                           n == 1 ? ": its strategy has no such variant"
                                  : ": a variant is one of its only enabled strategy");
    cJSON_ArrayForEach(v, variants) {
        const bool is = hal9_streq(hal9_json_str(v, "name"), variant);
        cJSON_ReplaceItemInObjectCaseSensitive(v, "weight", cJSON_CreateNumber(is ? 1000 : 0));
        cJSON_ReplaceItemInObjectCaseSensitive(v, "weightType",
                                               cJSON_CreateString(is ? "variable" : "fix"));
    }
    set_bool(state, "enabled", true);
    return HAL9_OK;
}

hal9_status fl_unleash_wanted(const char *name, const cJSON *now, const char *word, cJSON **ret,
                              struct hal9_error *err) {
    double percent;
    hal9_status st = fl_percent(word, &percent, err);
    if (st != HAL9_OK)
        return st;
    if (!cJSON_IsObject(now))
        return hal9_error_set(err, HAL9_E_USAGE, "there is no flag %s", name);
    _cleanup_json_ cJSON *state = cJSON_Duplicate(now, true);
    if (percent >= 0)
        st = to_percent(name, state, word, percent, err);
    else if (strcmp(word, "off") == 0)
        set_bool(state, "enabled", false);
    else if (strcmp(word, "on") == 0)
        to_on(name, state);
    else
        st = to_variant(name, state, word, err);
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(state);
    return st;
}
