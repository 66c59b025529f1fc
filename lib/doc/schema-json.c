/* The schema tables as JSON Schema (draft 2020-12), for editors. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/schema-internal.h"
#include "doc/yaml-internal.h"

#define LEVELS 16 /* a table that holds itself ends here */

static cJSON *object_form(const struct hal9_schema *s, unsigned level);

static cJSON *parsed(const char *text) {
    cJSON *j = NULL;
    if (!text || hal9_json_parse(text, strlen(text), &j, NULL) != HAL9_OK)
        return cJSON_CreateObject();
    return j;
}

static cJSON *choice_form(const char *const *words) {
    cJSON *form = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(form, "enum");
    for (; *words; words++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*words));
    return form;
}

static cJSON *number_form(const struct hal9_field *f, const char *type) {
    cJSON *form = cJSON_CreateObject();
    cJSON_AddStringToObject(form, "type", type);
    if (f->max > f->min) {
        cJSON_AddNumberToObject(form, "minimum", f->min);
        cJSON_AddNumberToObject(form, "maximum", f->max);
    }
    return form;
}

/* item, or a list of it. */
static cJSON *one_or_list(cJSON *item) {
    cJSON *form = cJSON_CreateObject();
    cJSON *any = cJSON_AddArrayToObject(form, "anyOf");
    cJSON *list = cJSON_CreateObject();
    cJSON_AddStringToObject(list, "type", "array");
    cJSON_AddItemToObject(list, "items", cJSON_Duplicate(item, true));
    cJSON_AddItemToArray(any, item);
    cJSON_AddItemToArray(any, list);
    return form;
}

static const char *const text_form = "{\"type\":[\"string\",\"number\",\"boolean\"]}";

/* What types without parameters look like. */
static const char *simple_form(enum hal9_type type) {
    switch (type) {
    case HAL9_T_STRING:
        return text_form;
    case HAL9_T_BOOL:
        return "{\"type\":\"boolean\"}";
    case HAL9_T_DURATION:
        return "{\"anyOf\":[{\"type\":\"string\",\"pattern\":"
               "\"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$\",\"minLength\":2},"
               "{\"const\":0}]}";
    case HAL9_T_SIZE:
        return "{\"anyOf\":[{\"type\":\"string\",\"pattern\":"
               "\"^[0-9]+([.][0-9]+)?([kKMGTPE]i?)?B?$\"},{\"type\":\"integer\",\"minimum\":0}]}";
    case HAL9_T_PERCENT:
        return "{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?%$\"}";
    case HAL9_T_CPU:
        return "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?[mun]?$\"},"
               "{\"type\":\"number\",\"minimum\":0}]}";
    case HAL9_T_PORT:
        return "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}";
    case HAL9_T_SECRET:
        return "{\"type\":\"string\",\"pattern\":\"^(file|env):.\"}";
    default:
        return "{}";
    }
}

static cJSON *dict_form(const struct hal9_schema *s, unsigned level) {
    cJSON *form = cJSON_CreateObject();
    cJSON_AddStringToObject(form, "type", "object");
    cJSON_AddItemToObject(form, "additionalProperties", object_form(s, level));
    return form;
}

static cJSON *field_form(const struct hal9_field *f, unsigned level) {
    switch (f->type) {
    case HAL9_T_INT:
        return number_form(f, "integer");
    case HAL9_T_NUMBER:
        return number_form(f, "number");
    case HAL9_T_CHOICE:
        return choice_form(f->choices);
    case HAL9_T_STRV:
        return one_or_list(f->choices ? choice_form(f->choices) : parsed(text_form));
    case HAL9_T_MAP:
    case HAL9_T_PTR:
        return object_form(f->sub, level);
    case HAL9_T_LIST:
        return one_or_list(object_form(f->sub, level));
    case HAL9_T_DICT:
        return dict_form(f->sub, level);
    case HAL9_T_CUSTOM:
        return parsed(f->form);
    default:
        return parsed(simple_form(f->type));
    }
}

static void add_default(cJSON *form, const struct hal9_field *f) {
    if (!f->dflt)
        return;
    struct hal9_node n = {.text = (char *)f->dflt, .plain = true};
    n.kind = hal9_scalar_kind(f->dflt);
    cJSON_AddItemToObject(form, "default", hal9_node_json(&n));
}

static cJSON *map_form(const struct hal9_schema *s, unsigned level) {
    cJSON *form = cJSON_CreateObject();
    cJSON *required = cJSON_CreateArray();
    cJSON_AddStringToObject(form, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(form, "properties");
    for (const struct hal9_field *f = s->fields; f && f->key; f++) {
        if (f->flags & (HAL9_F_KEY | HAL9_F_HIDDEN))
            continue;
        cJSON *property = field_form(f, level + 1);
        hal9_json_add_str(property, "description", f->doc);
        add_default(property, f);
        cJSON_AddItemToObject(properties, f->key, property);
        if (f->flags & HAL9_F_REQUIRED)
            cJSON_AddItemToArray(required, cJSON_CreateString(f->key));
    }
    if (required->child)
        cJSON_AddItemToObject(form, "required", required);
    else
        cJSON_Delete(required);
    cJSON_AddBoolToObject(form, "additionalProperties", s->decode != NULL);
    return form;
}

/* A map, or what may be written in its place. */
static cJSON *object_form(const struct hal9_schema *s, unsigned level) {
    if (level > LEVELS)
        return cJSON_CreateObject();
    if (s->json)
        return s->json();
    cJSON *map = map_form(s, level), *form = NULL, *any = NULL;
    for (const struct hal9_field *f = s->fields; f && f->key; f++) {
        if (!(f->flags & HAL9_F_SCALAR))
            continue;
        if (!form) {
            form = cJSON_CreateObject();
            any = cJSON_AddArrayToObject(form, "anyOf");
        }
        cJSON_AddItemToArray(any, field_form(f, level + 1));
    }
    if (!form)
        return map;
    cJSON_AddItemToArray(any, map);
    return form;
}

cJSON *hal9_schema_json(const struct hal9_schema *s) {
    cJSON *form = object_form(s, 0);
    cJSON *named = cJSON_CreateObject();
    cJSON_AddStringToObject(named, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(named, "title", s->name);
    hal9_json_add_str(named, "description", s->doc);
    while (form->child) {
        cJSON *item = cJSON_DetachItemFromArray(form, 0);
        _cleanup_free_ char *name = hal9_strdup(item->string);
        cJSON_AddItemToObject(named, name, item);
    }
    cJSON_Delete(form);
    return named;
}
