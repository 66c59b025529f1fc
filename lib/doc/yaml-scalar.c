/* Scalars by the core schema of YAML 1.2, and nodes as JSON. libyaml leaves this to its users. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/number.h"
#include "doc/yaml-internal.h"

static bool one_of(const char *text, const char *const *words) {
    while (*words)
        if (strcmp(text, *words++) == 0)
            return true;
    return false;
}

static const char *sign(const char *p) {
    return p + (*p == '-' || *p == '+');
}

static const char *digits(const char *p) {
    return p + strspn(p, "0123456789");
}

static bool is_int(const char *text) {
    if (text[0] == '0' && text[1] == 'o')
        return text[2] && text[2 + strspn(text + 2, "01234567")] == '\0';
    if (text[0] == '0' && text[1] == 'x')
        return text[2] && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
    const char *p = sign(text);
    return *p && *digits(p) == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text) {
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
    const char *p = sign(text);
    if (one_of(p, infinite) || one_of(text, nan_words))
        return true;
    const char *whole = p;
    p = digits(p);
    bool some = p > whole;
    if (*p == '.') {
        const char *fraction = ++p;
        p = digits(p);
        some = some || p > fraction;
    }
    if (!some)
        return false;
    if (*p == 'e' || *p == 'E') {
        const char *exponent = p = sign(p + 1);
        p = digits(p);
        if (p == exponent)
            return false;
    }
    return *p == '\0';
}

enum hal9_node_kind hal9_scalar_kind(const char *text) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (one_of(text, nulls))
        return HAL9_NODE_NULL;
    if (one_of(text, bools))
        return HAL9_NODE_BOOL;
    if (is_int(text))
        return HAL9_NODE_INT;
    return is_float(text) ? HAL9_NODE_FLOAT : HAL9_NODE_STRING;
}

const struct hal9_node *hal9_node_get(const struct hal9_node *map, const char *key) {
    if (!map || map->kind != HAL9_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

/* The decimal of a 0o or 0x number; NULL when it does not fit 64 bits. */
static char *decimal_of(const char *text) {
    unsigned base = text[1] == 'o' ? 8 : 16;
    uint64_t value = 0;
    for (const char *p = text + 2; *p; p++) {
        unsigned c = (unsigned char)*p;
        unsigned digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return NULL;
    }
    return hal9_strf("%llu", (unsigned long long)value);
}

/* A YAML number as JSON writes it: no plus, no needless zeros ahead, digits on both sides of the
 * point. */
static char *json_number(const char *text) {
    struct hal9_buf out = {0};
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x'))
        return decimal_of(text);
    const char *p = sign(text);
    if (*text == '-')
        hal9_buf_putc(&out, '-');
    while (*p == '0' && p[1] >= '0' && p[1] <= '9')
        p++;
    if (*p == '.')
        hal9_buf_putc(&out, '0');
    for (; *p; p++) {
        if (*p == '.' && !(p[1] >= '0' && p[1] <= '9'))
            continue;
        hal9_buf_putc(&out, *p);
    }
    return hal9_buf_take(&out);
}

static cJSON *number_json(const struct hal9_node *n) {
    double value;
    /* Neither infinity nor what no 64 bits hold is a number of JSON. */
    if (strpbrk(n->text, "nN") && !hal9_startswith(n->text, "0x"))
        return cJSON_CreateString(n->text);
    _cleanup_free_ char *text = json_number(n->text);
    if (!text)
        return cJSON_CreateString(n->text);
    if (hal9_number_kept(text, strlen(text), &value))
        return cJSON_CreateNumber(value);
    return cJSON_CreateRaw(text);
}

cJSON *hal9_node_json(const struct hal9_node *n) {
    cJSON *j;
    switch (n->kind) {
    case HAL9_NODE_NULL:
        return cJSON_CreateNull();
    case HAL9_NODE_BOOL:
        return cJSON_CreateBool((n->text[0] | 0x20) == 't');
    case HAL9_NODE_INT:
    case HAL9_NODE_FLOAT:
        return number_json(n);
    case HAL9_NODE_LIST:
        j = cJSON_CreateArray();
        for (size_t i = 0; i < n->n; i++)
            cJSON_AddItemToArray(j, hal9_node_json(n->items[i]));
        return j;
    case HAL9_NODE_MAP:
        j = cJSON_CreateObject();
        for (size_t i = 0; i < n->n; i++)
            cJSON_AddItemToObject(j, n->keys[i]->text, hal9_node_json(n->items[i]));
        return j;
    default:
        return cJSON_CreateString(n->text);
    }
}
