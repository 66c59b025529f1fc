/* What everybody does with JSON trees. Names are compared with case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/number.h"
#include "hal9ops/doc.h"

static const double exact_max = 9007199254740992.0; /* 2^53 */

/* One token of a pointer, unescaped, and what is behind it. NULL: a bad escape. */
static char *token(const char **pointer) {
    _cleanup_buf_ struct hal9_buf text = {0};
    const char *p = *pointer + 1;
    for (; *p && *p != '/'; p++) {
        if (*p != '~') {
            hal9_buf_putc(&text, *p);
            continue;
        }
        p++;
        if (*p != '0' && *p != '1')
            return NULL;
        hal9_buf_putc(&text, *p == '0' ? '~' : '/');
    }
    *pointer = p;
    return hal9_buf_take(&text);
}

static const cJSON *step(const cJSON *j, const char *name) {
    int64_t index;
    if (cJSON_IsObject(j))
        return cJSON_GetObjectItemCaseSensitive(j, name);
    if (!cJSON_IsArray(j) || (name[0] == '0' && name[1]) ||
        hal9_parse_int(name, 0, INT32_MAX, &index, NULL) != HAL9_OK)
        return NULL;
    return cJSON_GetArrayItem(j, (int)index);
}

const cJSON *hal9_json_pointer(const cJSON *j, const char *pointer) {
    while (j && *pointer) {
        if (*pointer != '/')
            return NULL;
        _cleanup_free_ char *name = token(&pointer);
        j = name ? step(j, name) : NULL;
    }
    return j;
}

static bool is_number(const cJSON *j) {
    return cJSON_IsNumber(j) || cJSON_IsRaw(j);
}

static bool same_number(const cJSON *a, const cJSON *b) {
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return a->valuedouble == b->valuedouble;
    _cleanup_free_ char *one = hal9_json_text(a);
    _cleanup_free_ char *two = hal9_json_text(b);
    return hal9_number_same(one, two);
}

static bool same_items(const cJSON *a, const cJSON *b) {
    const cJSON *one = a->child, *two = b->child;
    for (; one && two; one = one->next, two = two->next)
        if (!hal9_json_equal(one, two))
            return false;
    return !one && !two;
}

static int by_name(const void *a, const void *b) {
    const cJSON *const *one = a, *const *two = b;
    return strcmp((*one)->string, (*two)->string);
}

static const cJSON **sorted_members(const cJSON *object, size_t *ret_n) {
    const cJSON **v = NULL;
    const cJSON *item;
    size_t n = 0, cap = 0;
    cJSON_ArrayForEach(item, object) {
        *HAL9_APPEND(v, n, cap) = item;
    }
    if (n > 1)
        qsort(v, n, sizeof(const cJSON *), by_name);
    *ret_n = n;
    return v;
}

/* Two of one origin have their members in one order: then none is sought. *ret_order false: they have not. */
static bool same_in_order(const cJSON *a, const cJSON *b, bool *ret_order) {
    const cJSON *one = a->child, *two = b->child;
    *ret_order = true;
    for (; one && two; one = one->next, two = two->next) {
        *ret_order = strcmp(one->string, two->string) == 0;
        if (!*ret_order || !hal9_json_equal(one, two))
            return false;
    }
    return !one && !two;
}

static bool same_members(const cJSON *a, const cJSON *b) {
    size_t n, m;
    bool in_order, all = same_in_order(a, b, &in_order);
    if (in_order)
        return all;
    _cleanup_free_ const cJSON **one = sorted_members(a, &n);
    _cleanup_free_ const cJSON **two = sorted_members(b, &m);
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = strcmp(one[i]->string, two[i]->string) == 0 && hal9_json_equal(one[i], two[i]);
    return same;
}

bool hal9_json_equal(const cJSON *a, const cJSON *b) {
    if (!a || !b)
        return a == b;
    if (is_number(a) && is_number(b))
        return same_number(a, b);
    if ((a->type & 0xff) != (b->type & 0xff))
        return false;
    switch (a->type & 0xff) {
    case cJSON_String:
        return hal9_streq(a->valuestring, b->valuestring);
    case cJSON_Array:
        return same_items(a, b);
    case cJSON_Object:
        return same_members(a, b);
    default:
        return true;
    }
}

const char *hal9_json_str(const cJSON *obj, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(obj, name));
}

int64_t hal9_json_int(const cJSON *obj, const char *name, int64_t dflt) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, name);
    int64_t value = dflt;
    if (cJSON_IsNumber(item)) {
        double d = item->valuedouble;
        return d == floor(d) && fabs(d) <= exact_max ? (int64_t)d : dflt;
    }
    if ((cJSON_IsString(item) || cJSON_IsRaw(item)) &&
        hal9_parse_int(item->valuestring, INT64_MIN, INT64_MAX, &value, NULL) != HAL9_OK)
        return dflt;
    return value;
}

bool hal9_json_bool(const cJSON *obj, const char *name, bool dflt) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, name);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : dflt;
}

void hal9_json_add_str(cJSON *obj, const char *name, const char *value) {
    if (value)
        cJSON_AddStringToObject(obj, name, value);
}

void hal9_json_add_int(cJSON *obj, const char *name, int64_t value) {
    const int64_t max = (int64_t)1 << 53;
    char text[24];
    if (value >= -max && value <= max) {
        cJSON_AddNumberToObject(obj, name, (double)value);
        return;
    }
    snprintf(text, sizeof(text), "%lld", (long long)value);
    cJSON_AddStringToObject(obj, name, text);
}

void hal9_json_add_u64(cJSON *obj, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    cJSON_AddStringToObject(obj, name, text);
}

/* Digits alone; 0 for all else and what does not fit. */
static uint64_t read_u64(const char *text) {
    uint64_t value = 0;
    for (const char *p = text; *p; p++)
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return 0;
    return value;
}

uint64_t hal9_json_u64(const cJSON *obj, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, name);
    if (cJSON_IsNumber(item)) {
        double d = item->valuedouble;
        return d >= 0 && d == floor(d) && d <= exact_max ? (uint64_t)d : 0;
    }
    return cJSON_IsString(item) || cJSON_IsRaw(item) ? read_u64(item->valuestring) : 0;
}

cJSON *hal9_json_strv(const struct hal9_strv *s) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < s->n; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(s->v[i]));
    return array;
}

void hal9_json_get_strv(const cJSON *array, struct hal9_strv *ret) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (cJSON_IsString(item))
            hal9_strv_add(ret, item->valuestring);
    }
}

void hal9_json_deletep(cJSON **j) {
    cJSON_Delete(*j);
}
