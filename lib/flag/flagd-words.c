/* What a flag of flagd is in a word or two, and what a word makes of it.
 *
 * off: state DISABLED, everything else stays. on: ENABLED, and where it would be false for everybody (a boolean flag), true for
 * everybody. 25%: a fractional rule, of boolean flags. A variant: everybody gets it. Rules of the flag's own (targeting other than a bare
 * fractional) are never overwritten by a word. */
#include <math.h>
#include <string.h>

#include "flag/flag-internal.h"

static const cJSON *variants_of(const cJSON *flag) {
    return cJSON_GetObjectItemCaseSensitive(flag, "variants");
}

/* The only variant with that value, or NULL. */
static const char *variant_of(const cJSON *flag, bool value) {
    const cJSON *v;
    const char *found = NULL;
    cJSON_ArrayForEach(v, variants_of(flag)) {
        if (!cJSON_IsBool(v) || cJSON_IsTrue(v) != value)
            continue;
        if (found)
            return NULL;
        found = v->string;
    }
    return found;
}

static bool targeted(const cJSON *flag) {
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(flag, "targeting");
    return cJSON_IsObject(t) && t->child;
}

static double share(const cJSON *pair, const char *variant) {
    const cJSON *name = cJSON_GetArrayItem(pair, 0);
    const cJSON *weight = cJSON_GetArrayItem(pair, 1);
    if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 || !cJSON_IsString(name) ||
        !cJSON_IsNumber(weight) || !hal9_streq(name->valuestring, variant))
        return -1;
    return weight->valuedouble;
}

/* The percentage of a bare {"fractional": [[TRUE, n], [FALSE, m]]}; -1: it has another rule, or none. */
static double bare_percent(const cJSON *flag) {
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(flag, "targeting");
    const cJSON *f = cJSON_GetObjectItemCaseSensitive(t, "fractional");
    const char *yes = variant_of(flag, true), *no = variant_of(flag, false);
    if (!yes || !no || !cJSON_IsArray(f) || cJSON_GetArraySize(t) != 1 ||
        cJSON_GetArraySize(f) != 2)
        return -1;
    const cJSON *one = cJSON_GetArrayItem(f, 0), *two = cJSON_GetArrayItem(f, 1);
    const double on = share(one, yes) >= 0 ? share(one, yes) : share(two, yes);
    const double off = share(one, no) >= 0 ? share(one, no) : share(two, no);
    return on < 0 || off < 0 || on + off <= 0 ? -1 : on / (on + off) * 100;
}

char *fl_flagd_words(const char *name, const cJSON *state) {
    const char *dflt = hal9_json_str(state, "defaultVariant");
    const char *yes = variant_of(state, true);
    const double percent = bare_percent(state);
    (void)name;
    if (!hal9_streq(hal9_json_str(state, "state"), "ENABLED"))
        return hal9_strdup("off");
    if (percent >= 0)
        return fl_percent_text(percent);
    const char *rules = targeted(state) ? ", with rules" : "";
    if (!dflt)
        return hal9_strf("on, no default variant%s", rules);
    if (yes && strcmp(yes, dflt) == 0)
        return hal9_strf("on%s", rules);
    return hal9_strf("variant %s%s", dflt, rules);
}

/* ---- what a word asks for */

static void put_str(cJSON *flag, const char *name, const char *value) {
    if (cJSON_GetObjectItemCaseSensitive(flag, name))
        cJSON_ReplaceItemInObjectCaseSensitive(flag, name, cJSON_CreateString(value));
    else
        hal9_json_add_str(flag, name, value);
}

static hal9_status has_rules(struct hal9_error *err, const char *name, const char *word) {
    hal9_error_set(err, HAL9_E_USAGE,
                   "%s has rules of its own (targeting), which '%s' would overwrite", name, word);
    hal9_error_hint(err, "'off' and 'on' leave them as they are; else edit the file");
    return HAL9_E_USAGE;
}

static void drop_percent(cJSON *flag) {
    if (bare_percent(flag) >= 0)
        cJSON_DeleteItemFromObjectCaseSensitive(flag, "targeting");
}

static void add_share(cJSON *to, const char *variant, double percent) {
    cJSON *pair = cJSON_CreateArray();
    cJSON_AddItemToArray(pair, cJSON_CreateString(variant));
    cJSON_AddItemToArray(pair, cJSON_CreateNumber(percent));
    cJSON_AddItemToArray(to, pair);
}

static hal9_status to_percent(const char *name, cJSON *flag, const char *word, double percent,
                              struct hal9_error *err) {
    const char *yes = variant_of(flag, true), *no = variant_of(flag, false);
    if (!yes || !no) {
        hal9_error_set(err, HAL9_E_USAGE,
                       "%s has not one variant that is true and one that is false, so that %s of "
                       "what can't be told",
                       name, word);
        hal9_error_hint(err, "name one of its variants, or edit the file");
        return HAL9_E_USAGE;
    }
    if (targeted(flag) && bare_percent(flag) < 0)
        return has_rules(err, name, word);
    cJSON *shares = cJSON_CreateArray();
    cJSON *targeting = cJSON_CreateObject();
    add_share(shares, yes, percent);
    add_share(shares, no, round(100000 - percent * 1000) / 1000);
    cJSON_AddItemToObject(targeting, "fractional", shares);
    put_str(flag, "state", "ENABLED");
    /* Whoever comes without a targeting key gets the default: not all of them, when it is to be a share. */
    put_str(flag, "defaultVariant", percent < 100 ? no : yes);
    if (cJSON_GetObjectItemCaseSensitive(flag, "targeting"))
        cJSON_ReplaceItemInObjectCaseSensitive(flag, "targeting", targeting);
    else
        cJSON_AddItemToObject(flag, "targeting", targeting);
    return HAL9_OK;
}

static void to_on(cJSON *flag) {
    const char *yes = variant_of(flag, true);
    put_str(flag, "state", "ENABLED");
    drop_percent(flag);
    if (yes && !targeted(flag))
        put_str(flag, "defaultVariant", yes);
}

static hal9_status to_variant(const char *name, cJSON *flag, const char *word,
                              struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv would = {0};
    const char *variant = hal9_startswith(word, "variant ") ? word + strlen("variant ") : word;
    const cJSON *v;
    if (!cJSON_GetObjectItemCaseSensitive(variants_of(flag), variant)) {
        hal9_strv_add(&would, "on");
        hal9_strv_add(&would, "off");
        if (variant_of(flag, true) && variant_of(flag, false))
            hal9_strv_add(&would, "25%");
        cJSON_ArrayForEach(v, variants_of(flag)) {
            hal9_strv_add(&would, v->string);
        }
        hal9_strv_sort_unique(&would);
        return fl_bad_word(err, name, word, &would, ": it has no such variant");
    }
    drop_percent(flag);
    if (targeted(flag))
        return has_rules(err, name, word);
    put_str(flag, "state", "ENABLED");
    put_str(flag, "defaultVariant", variant);
    return HAL9_OK;
}

hal9_status fl_flagd_wanted(const char *name, const cJSON *now, const char *word, cJSON **ret,
                            struct hal9_error *err) {
    double percent;
    hal9_status st = fl_percent(word, &percent, err);
    if (st != HAL9_OK)
        return st;
    if (!cJSON_IsObject(now)) {
        hal9_error_set(err, HAL9_E_USAGE, "there is no flag %s", name);
        return HAL9_E_USAGE;
    }
    _cleanup_json_ cJSON *flag = cJSON_Duplicate(now, true);
    if (percent >= 0)
        st = to_percent(name, flag, word, percent, err);
    else if (strcmp(word, "off") == 0)
        put_str(flag, "state", "DISABLED");
    else if (strcmp(word, "on") == 0)
        to_on(flag);
    else
        st = to_variant(name, flag, word, err);
    if (st == HAL9_OK)
        st = fl_flagd_check(name, flag, err);
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(flag);
    return st;
}
