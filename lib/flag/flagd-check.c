/* What flagd's schema asks of a flag (flagd-schemas, flags.json): looked at before it is written, since flagd itself only warns, or keeps
 * its old flags without a word. */
#include <string.h>

#include "flag/flag-internal.h"

static hal9_status bad(struct hal9_error *err, const char *name, const char *what) {
    hal9_error_set(err, HAL9_E_USAGE, "%s is no flag of flagd: %s", name, what);
    hal9_error_hint(err, "flagd would refuse the whole file; nothing was written");
    return HAL9_E_USAGE;
}

static int type_of(const cJSON *j) {
    const int type = j->type & 0xff;
    return type == cJSON_True ? cJSON_False : type == cJSON_Raw ? cJSON_Number : type;
}

static const char *bad_variants(const cJSON *variants) {
    const cJSON *v;
    if (!cJSON_IsObject(variants) || !variants->child)
        return "it wants 'variants', an object with at least one";
    cJSON_ArrayForEach(v, variants) {
        if (type_of(v) == cJSON_NULL || type_of(v) == cJSON_Array)
            return "its variants must be true or false, texts, numbers or objects";
        if (type_of(v) != type_of(variants->child))
            return "its variants must be of one type";
    }
    return NULL;
}

hal9_status fl_flagd_check(const char *name, const cJSON *flag, struct hal9_error *err) {
    const char *state = hal9_json_str(flag, "state");
    const cJSON *variants = cJSON_GetObjectItemCaseSensitive(flag, "variants");
    const cJSON *dflt = cJSON_GetObjectItemCaseSensitive(flag, "defaultVariant");
    const cJSON *targeting = cJSON_GetObjectItemCaseSensitive(flag, "targeting");
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(flag, "metadata");
    if (!*name)
        return bad(err, "''", "it has no name");
    if (!cJSON_IsObject(flag))
        return bad(err, name, "it is not an object");
    if (!hal9_streq(state, "ENABLED") && !hal9_streq(state, "DISABLED"))
        return bad(err, name, "its state must be ENABLED or DISABLED");
    const char *why = bad_variants(variants);
    if (why)
        return bad(err, name, why);
    if (dflt && !cJSON_IsNull(dflt) &&
        (!cJSON_IsString(dflt) || !cJSON_GetObjectItemCaseSensitive(variants, dflt->valuestring)))
        return bad(err, name, "its defaultVariant is none of its variants");
    if (targeting && !cJSON_IsObject(targeting) && !cJSON_IsNull(targeting))
        return bad(err, name, "its targeting must be an object");
    if (metadata && !cJSON_IsObject(metadata))
        return bad(err, name, "its metadata must be an object");
    return HAL9_OK;
}
