/* The table of records put to use: as a validator and as a JSON Schema. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/doc.h"

/* Whether a word is one of "a|b|c". */
static bool in_choice(const char *choice, const char *word) {
    size_t len = strlen(word);
    for (const char *p = choice; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, word, len) == 0 && (p[len] == '|' || p[len] == '\0'))
            return true;
    return false;
}

static bool only_strings(const cJSON *array) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsString(item))
            return false;
    }
    return cJSON_IsArray(array);
}

static bool is_integer(const cJSON *j) {
    return cJSON_IsNumber(j) && j->valuedouble == floor(j->valuedouble);
}

static bool fits(const char *type, const cJSON *j) {
    int64_t ms;
    if (strchr(type, '|'))
        return cJSON_IsString(j) && in_choice(type, j->valuestring);
    if (strcmp(type, "string") == 0)
        return cJSON_IsString(j);
    if (strcmp(type, "integer") == 0)
        return is_integer(j);
    if (strcmp(type, "number") == 0)
        return cJSON_IsNumber(j) || cJSON_IsRaw(j);
    if (strcmp(type, "boolean") == 0)
        return cJSON_IsBool(j);
    if (strcmp(type, "time") == 0)
        return cJSON_IsString(j) && hal9_time_parse(j->valuestring, &ms, NULL) == HAL9_OK;
    if (strcmp(type, "object") == 0)
        return cJSON_IsObject(j);
    if (strcmp(type, "array") == 0)
        return cJSON_IsArray(j);
    if (strcmp(type, "strings") == 0)
        return only_strings(j);
    return true;
}

static hal9_status check_field(const cJSON *record, const char *kind,
                               const struct hal9_record_field *f, struct hal9_error *err) {
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(record, f->name);
    if (!j)
        return f->required
                   ? hal9_error_set(err, HAL9_E_PROTOCOL, "a %s record without '%s'", kind, f->name)
                   : HAL9_OK;
    if (fits(f->type, j))
        return HAL9_OK;
    _cleanup_free_ char *text = hal9_json_text(j);
    return hal9_error_set(err, HAL9_E_PROTOCOL, "'%s' of a %s record is %s, which is no %s",
                          f->name, kind, strlen(text) > 64 ? "something" : text,
                          strchr(f->type, '|')              ? "word it knows"
                          : strcmp(f->type, "strings") == 0 ? "list of strings"
                                                            : f->type);
}

hal9_status hal9_record_check(const cJSON *record, struct hal9_error *err) {
    const char *kind = hal9_json_str(record, "kind");
    size_t n;
    const struct hal9_record_field *common = hal9_record_common(&n);
    for (size_t i = 0; i < n; i++)
        if (check_field(record, kind ? kind : "hal9", &common[i], err) != HAL9_OK)
            return HAL9_E_PROTOCOL;
    int64_t version = hal9_json_int(record, "hal9", 0);
    if (version != HAL9_RECORD_VERSION)
        return hal9_error_set(err, HAL9_E_PROTOCOL, "a record of format %lld; this build knows %d",
                              (long long)version, HAL9_RECORD_VERSION);
    const struct hal9_record_kind *kinds = hal9_record_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        if (!hal9_streq(kinds[i].kind, kind))
            continue;
        for (const struct hal9_record_field *f = kinds[i].fields; f->name; f++)
            if (check_field(record, kind, f, err) != HAL9_OK)
                return HAL9_E_PROTOCOL;
    }
    return HAL9_OK;
}

static void add_choices(cJSON *property, const char *choice) {
    cJSON *words = cJSON_AddArrayToObject(property, "enum");
    while (*choice) {
        size_t len = strcspn(choice, "|");
        _cleanup_free_ char *word = hal9_strndup(choice, len);
        cJSON_AddItemToArray(words, cJSON_CreateString(word));
        choice += len + (choice[len] == '|');
    }
}

static cJSON *property_of(const struct hal9_record_field *f) {
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, "description", f->doc);
    if (f->unit)
        cJSON_AddStringToObject(p, "x-unit", f->unit);
    if (strchr(f->type, '|')) {
        add_choices(p, f->type);
    } else if (strcmp(f->type, "strings") == 0) {
        cJSON_AddStringToObject(p, "type", "array");
        cJSON_AddStringToObject(cJSON_AddObjectToObject(p, "items"), "type", "string");
    } else if (strcmp(f->type, "time") == 0) {
        cJSON_AddStringToObject(p, "type", "string");
        cJSON_AddStringToObject(p, "format", "date-time");
    } else if (strcmp(f->type, "any") != 0) {
        cJSON_AddStringToObject(p, "type", f->type);
    }
    return p;
}

static void add_field(cJSON *properties, cJSON *required, const struct hal9_record_field *f) {
    cJSON_AddItemToObject(properties, f->name, property_of(f));
    if (f->required)
        cJSON_AddItemToArray(required, cJSON_CreateString(f->name));
}

/* {"if": kind is K, "then": K's fields} */
static cJSON *rule_of(const struct hal9_record_kind *k) {
    cJSON *rule = cJSON_CreateObject();
    cJSON *when = cJSON_AddObjectToObject(rule, "if");
    cJSON *kind = cJSON_AddObjectToObject(cJSON_AddObjectToObject(when, "properties"), "kind");
    cJSON_AddStringToObject(kind, "const", k->kind);
    cJSON *then = cJSON_AddObjectToObject(rule, "then");
    cJSON_AddStringToObject(then, "title", k->kind);
    cJSON_AddStringToObject(then, "description", k->doc);
    cJSON *properties = cJSON_AddObjectToObject(then, "properties");
    cJSON *required = cJSON_AddArrayToObject(then, "required");
    for (const struct hal9_record_field *f = k->fields; f->name; f++)
        add_field(properties, required, f);
    return rule;
}

cJSON *hal9_record_schema(void) {
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(schema, "title", "a record of hal9ops");
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    cJSON *required = cJSON_AddArrayToObject(schema, "required");
    size_t n;
    const struct hal9_record_field *common = hal9_record_common(&n);
    for (size_t i = 0; i < n; i++)
        add_field(properties, required, &common[i]);
    cJSON *all = cJSON_AddArrayToObject(schema, "allOf");
    const struct hal9_record_kind *kinds = hal9_record_kinds(&n);
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(all, rule_of(&kinds[i]));
    return schema;
}
