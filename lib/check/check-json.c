/* What a check may look like, as JSON Schema: one form a kind, each with the keys that all take. */
#include "check/drivers.h"

/* Moves all properties of one form to another. */
static void move_properties(cJSON *from, cJSON *to) {
    cJSON *source = cJSON_GetObjectItemCaseSensitive(from, "properties");
    cJSON *target = cJSON_GetObjectItemCaseSensitive(to, "properties");
    while (source && source->child) {
        cJSON *item = cJSON_DetachItemViaPointer(source, source->child);
        cJSON_AddItemToObject(target, item->string, item);
    }
}

static cJSON *driver_form(const struct hal9_check_driver *d) {
    cJSON *form = hal9_schema_json(d->schema);
    cJSON *common = hal9_schema_json(&hal9_check_common_schema);
    move_properties(common, form);
    cJSON_Delete(common);
    cJSON_DeleteItemFromObjectCaseSensitive(form, "$schema");
    cJSON_DeleteItemFromObjectCaseSensitive(form, "description");
    cJSON_AddStringToObject(form, "description", d->doc);
    return form;
}

cJSON *hal9_check_json(void) {
    cJSON *form = cJSON_CreateObject();
    cJSON *any = cJSON_AddArrayToObject(form, "oneOf");
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(any, driver_form(all[i]));
    return form;
}
