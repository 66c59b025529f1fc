/* Large states, and those with secrets in them, lie in blobs: the journal has {"blob": SHA-256} in their place. */
#include <string.h>

#include "op/op-internal.h"

/* A state that looks like a reference is packed, too: so one that is read always is a reference. */
static const char *reference(const cJSON *value) {
    const char *sha = hal9_json_str(value, "blob");
    return sha && cJSON_GetArraySize(value) == 1 && strlen(sha) == 64 ? sha : NULL;
}

/* A blob is its user's alone, whoever may read the journal. */
static bool has_secret(const cJSON *value) {
    _cleanup_json_ cJSON *copy = cJSON_Duplicate(value, true);
    return hal9_redact_json(NULL, copy) > 0;
}

hal9_status op_pack(struct hal9_state *state, const cJSON *value, cJSON **ret,
                    struct hal9_error *err) {
    _cleanup_free_ char *text = hal9_json_text(value);
    size_t len = strlen(text);
    if (len <= OP_BLOB_FROM && !reference(value) && !has_secret(value)) {
        *ret = cJSON_Duplicate(value, true);
        return HAL9_OK;
    }
    char sha[65];
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = hal9_blob_put(state, text, len, sha, &e);
    if (st == HAL9_E_UNSUPPORTED &&
        !reference(value)) { /* another's directory: all of it in the line */
        *ret = cJSON_Duplicate(value, true);
        return HAL9_OK;
    }
    if (st != HAL9_OK)
        return hal9_error_move(err, &e);
    *ret = cJSON_CreateObject();
    hal9_json_add_str(*ret, "blob", sha);
    return HAL9_OK;
}

hal9_status op_unpack(struct hal9_state *state, cJSON **value, struct hal9_error *err) {
    const char *sha = *value ? reference(*value) : NULL;
    if (!sha)
        return HAL9_OK;
    _cleanup_buf_ struct hal9_buf text = {0};
    cJSON *whole = NULL;
    hal9_status st = hal9_blob_get(state, sha, &text, err);
    if (st == HAL9_OK)
        st = hal9_json_parse(text.data, text.len, &whole, err);
    if (st != HAL9_OK)
        return st;
    cJSON_Delete(*value);
    *value = whole;
    return HAL9_OK;
}
