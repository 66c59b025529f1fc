/* Frees what was decoded. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/schema-internal.h"

static void clear_list(const struct hal9_schema *s, struct hal9_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        hal9_schema_clear(s, list->v[i]);
        free(list->v[i]);
    }
    free(list->v);
    *list = (struct hal9_list){0};
}

static void clear_ptr(const struct hal9_schema *s, void **field) {
    if (*field)
        hal9_schema_clear(s, *field);
    free(*field);
    *field = NULL;
}

static void clear_field(const struct hal9_field *f, void *field) {
    switch (f->type) {
    case HAL9_T_STRING:
    case HAL9_T_CHOICE:
    case HAL9_T_SECRET:
        free(*(char **)field);
        *(char **)field = NULL;
        break;
    case HAL9_T_STRV:
        hal9_strv_free(field);
        break;
    case HAL9_T_MAP:
        hal9_schema_clear(f->sub, field);
        break;
    case HAL9_T_PTR:
        clear_ptr(f->sub, field);
        break;
    case HAL9_T_LIST:
    case HAL9_T_DICT:
        clear_list(f->sub, field);
        break;
    case HAL9_T_JSON:
        cJSON_Delete(*(cJSON **)field);
        *(cJSON **)field = NULL;
        break;
    case HAL9_T_CUSTOM:
        if (f->clear)
            f->clear(field);
        break;
    default:
        break;
    }
}

void hal9_schema_clear(const struct hal9_schema *s, void *object) {
    if (s->clear)
        s->clear(object);
    for (const struct hal9_field *f = s->fields; f && f->key; f++)
        clear_field(f, hal9_field_at(object, f));
}
