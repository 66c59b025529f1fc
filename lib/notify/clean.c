/* What leaves the host is free of secrets, and small. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

#define TEXT_MAX 2000 /* bytes of one string */

static cJSON *copy(const cJSON *from) {
    if (cJSON_IsString(from)) {
        _cleanup_free_ char *cut =
            hal9_strndup(from->valuestring, hal9_utf8_cut(from->valuestring, TEXT_MAX));
        return cJSON_CreateString(cut);
    }
    if (!cJSON_IsObject(from) && !cJSON_IsArray(from))
        return cJSON_Duplicate(from, true);
    cJSON *to = cJSON_IsObject(from) ? cJSON_CreateObject() : cJSON_CreateArray();
    const cJSON *member;
    cJSON_ArrayForEach(member, from) {
        const bool secret = member->string && hal9_secret_name(member->string) &&
                            (cJSON_IsString(member) || cJSON_IsNumber(member));
        cJSON *value = secret ? cJSON_CreateString("***") : copy(member);
        if (member->string)
            cJSON_AddItemToObject(to, member->string, value);
        else
            cJSON_AddItemToArray(to, value);
    }
    return to;
}

static size_t size_of(const cJSON *j) {
    _cleanup_free_ char *text = hal9_json_text(j);
    return strlen(text);
}

cJSON *hal9_notify_clean(const cJSON *record) {
    static const char *const spare[] = {"evidence", "checks", "blocked_by", "detail", "reason"};
    cJSON *clean = copy(record);
    hal9_redact_record(clean);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(spare) && size_of(clean) > HAL9_NOTIFY_RECORD_MAX; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(clean, spare[i]);
    if (size_of(clean) <= HAL9_NOTIFY_RECORD_MAX)
        return clean;
    /* Something that nobody knows of is that large: only what all records have is kept. */
    static const char *const kept[] = {"hal9",  "kind", "time",    "host",  "machine", "tool",
                                       "stage", "run",  "service", "state", "cause"};
    cJSON *small = cJSON_CreateObject();
    for (size_t i = 0; i < HAL9_ARRAY_LEN(kept); i++) {
        cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(clean, kept[i]);
        if (member)
            cJSON_AddItemToObject(small, kept[i], member);
    }
    cJSON_Delete(clean);
    return small;
}
