/* A balancer's spec as a step's args have it, by the schema's own table: what it gains there is kept here, too. */
#include <string.h>

#include "balancer/driver.h"
#include "base/cleanup.h"

static const void *at(const struct hal9_balancer_spec *b, const struct hal9_field *f) {
    return (const char *)b + f->offset;
}

static void add_field(cJSON *j, const struct hal9_balancer_spec *b, const struct hal9_field *f) {
    switch (f->type) {
    case HAL9_T_STRING:
    case HAL9_T_CHOICE:
    case HAL9_T_SECRET:
        hal9_json_add_str(j, f->key, *(char *const *)at(b, f));
        break;
    case HAL9_T_STRV: {
        const struct hal9_strv *s = at(b, f);

        if (s->n > 0)
            cJSON_AddItemToObject(j, f->key, hal9_json_strv(s));
        break;
    }
    case HAL9_T_BOOL:
        cJSON_AddBoolToObject(j, f->key, *(const bool *)at(b, f));
        break;
    case HAL9_T_INT:
        hal9_json_add_int(j, f->key, *(const int64_t *)at(b, f));
        break;
    case HAL9_T_DURATION: {
        _cleanup_free_ char *text = hal9_strf("%lldms", (long long)*(const int64_t *)at(b, f));

        hal9_json_add_str(j, f->key, text);
        break;
    }
    default: /* the table has no others */
        break;
    }
}

cJSON *hal9_balancer_json(const struct hal9_balancer_spec *b) {
    cJSON *j = cJSON_CreateObject();

    for (const struct hal9_field *f = hal9_balancer_schema.fields; f->key; f++)
        add_field(j, b, f);
    return j;
}

void hal9_balancer_free(struct hal9_balancer_spec *b) {
    if (!b)
        return;
    hal9_schema_clear(&hal9_balancer_schema, b);
    free(b);
}

/* The name is a dict's key: no key of the table. */
hal9_status hal9_balancer_parse(const cJSON *j, struct hal9_balancer_spec **ret,
                                struct hal9_error *err) {
    _cleanup_json_ cJSON *copy = cJSON_Duplicate(j, true);
    const char *name = hal9_json_str(j, "name");
    struct hal9_errors errors = {0};
    struct hal9_doc *doc = NULL;

    cJSON_DeleteItemFromObjectCaseSensitive(copy, "name");
    _cleanup_free_ char *text = hal9_json_text(copy);
    struct hal9_balancer_spec *b = hal9_alloc(sizeof(*b));
    hal9_status st = hal9_yaml_parse("balancer", text, strlen(text), &doc, err);

    if (st == HAL9_OK &&
        hal9_schema_decode(&hal9_balancer_schema, hal9_doc_root(doc), b, &errors) != HAL9_OK)
        st = hal9_error_set(err, HAL9_E_CORRUPT, "the step's balancer can't be read: %s",
                            errors.n > 0 ? errors.v[0].message : text);
    hal9_errors_clear(&errors);
    hal9_doc_free(doc);
    if (st != HAL9_OK) {
        hal9_balancer_free(b);
        return st;
    }
    free(b->name);
    b->name = hal9_strdup(name);
    *ret = b;
    return HAL9_OK;
}
