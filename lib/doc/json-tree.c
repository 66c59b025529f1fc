/* Makes cJSON trees out of scanned text. cJSON's own reader isn't used: it cuts strings at \u0000
 * and keeps no number that a double can't hold. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "doc/number.h"
#include "hal9ops/doc.h"

/* The scanner has accepted the text: what is read here is well-formed. */
struct builder {
    const char *start;
    const char *p;
    char *scratch;
    const char *twice; /* where a key stands for the second time */
};

static cJSON *build(struct builder *b);

/* cJSON returns NULL when memory is out, which this house does not outlive. */
static cJSON *made(cJSON *item) {
    return item ? item : hal9_realloc_array(NULL, SIZE_MAX, 2);
}

static void skip_blanks(struct builder *b) {
    while (*b->p == ' ' || *b->p == '\n' || *b->p == '\r' || *b->p == '\t')
        b->p++;
}

static unsigned hex4(const char *p) {
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        code = code * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

static char *put_utf8(char *to, unsigned code) {
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(lead[more] | (code >> (6 * more)));
    while (more-- > 0)
        *to++ = (char)(0x80 | ((code >> (6 * more)) & 0x3f));
    return to;
}

/* b->p is behind the backslash. */
static char *put_escape(struct builder *b, char *to) {
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    char c = *b->p++;
    const char *named = strchr(names, c);
    if (c != 'u') {
        *to++ = named ? bytes[named - names] : c;
        return to;
    }
    unsigned code = hex4(b->p);
    b->p += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(b->p + 2) - 0xdc00);
        b->p += 6;
    }
    return put_utf8(to, code);
}

/* The string at b->p, decoded into the scratch; it is never longer than its source. */
static const char *read_string(struct builder *b) {
    char *to = b->scratch;
    b->p++;
    while (*b->p != '"') {
        size_t plain = strcspn(b->p, "\"\\");
        memcpy(to, b->p, plain);
        to += plain;
        b->p += plain;
        if (*b->p == '\\') {
            b->p++;
            to = put_escape(b, to);
        }
    }
    b->p++;
    *to = '\0';
    return b->scratch;
}

static cJSON *build_number(struct builder *b) {
    size_t len = strspn(b->p, "+-.0123456789eE");
    const char *text = b->p;
    double value;
    b->p += len;
    if (hal9_number_kept(text, len, &value))
        return made(cJSON_CreateNumber(value));
    _cleanup_free_ char *copy = hal9_strndup(text, len);
    return made(cJSON_CreateRaw(copy));
}

static cJSON *build_array(struct builder *b) {
    cJSON *array = made(cJSON_CreateArray());
    b->p++;
    skip_blanks(b);
    while (*b->p != ']') {
        cJSON_AddItemToArray(array, build(b));
        skip_blanks(b);
        if (*b->p == ',')
            b->p++;
        skip_blanks(b);
    }
    b->p++;
    return array;
}

struct key {
    const char *name, *at;
};
struct keys {
    struct key *v;
    size_t n, cap;
};

static int by_name(const void *a, const void *b) {
    const struct key *one = a, *two = b;
    int order = strcmp(one->name, two->name);
    return order != 0 ? order : one->at < two->at ? -1 : one->at > two->at;
}

/* The first key of the text that is there a second time wins. */
static void find_twice(struct builder *b, struct keys *keys) {
    if (keys->n > 1)
        qsort(keys->v, keys->n, sizeof(*keys->v), by_name);
    for (size_t i = 1; i < keys->n; i++)
        if (strcmp(keys->v[i - 1].name, keys->v[i].name) == 0 &&
            (!b->twice || keys->v[i].at < b->twice))
            b->twice = keys->v[i].at;
}

static cJSON *build_object(struct builder *b) {
    cJSON *object = made(cJSON_CreateObject());
    struct keys keys = {0};
    b->p++;
    skip_blanks(b);
    while (*b->p != '}') {
        const char *at = b->p;
        _cleanup_free_ char *name = hal9_strdup(read_string(b));
        skip_blanks(b);
        b->p++; /* the colon */
        skip_blanks(b);
        cJSON *item = build(b);
        cJSON_AddItemToObject(object, name, item);
        *HAL9_APPEND(keys.v, keys.n, keys.cap) = (struct key){.name = item->string, .at = at};
        skip_blanks(b);
        if (*b->p == ',')
            b->p++;
        skip_blanks(b);
    }
    b->p++;
    find_twice(b, &keys);
    free(keys.v);
    return object;
}

static cJSON *build(struct builder *b) {
    switch (*b->p) {
    case '"':
        return made(cJSON_CreateString(read_string(b)));
    case '{':
        return build_object(b);
    case '[':
        return build_array(b);
    case 't':
        b->p += 4;
        return made(cJSON_CreateTrue());
    case 'f':
        b->p += 5;
        return made(cJSON_CreateFalse());
    case 'n':
        b->p += 4;
        return made(cJSON_CreateNull());
    default:
        return build_number(b);
    }
}

static hal9_status refuse(const char *data, size_t len, size_t at, hal9_status code,
                          struct hal9_error *err, const char *what) {
    unsigned line, col;
    hal9_place_of(data, len, at, &line, &col);
    hal9_error_set(err, code, "not JSON that can be read: %s", what);
    hal9_error_place(err, NULL, line, col);
    return code;
}

static hal9_status refuse_twice(struct builder *b, const char *data, size_t len,
                                struct hal9_error *err) {
    b->p = b->twice;
    size_t at = (size_t)(b->twice - b->start);
    _cleanup_free_ char *what =
        hal9_strf("the key '%.64s' stands in one object twice", read_string(b));
    return refuse(data, len, at, HAL9_E_PROTOCOL, err, what);
}

hal9_status hal9_json_parse(const void *data, size_t len, cJSON **ret, struct hal9_error *err) {
    struct hal9_json_scan scan;
    if (!hal9_json_scan(data, len, &scan))
        return refuse(data, len, scan.at, scan.code, err, scan.why);
    if (scan.odd)
        return refuse(data, len, scan.odd_at, HAL9_E_PROTOCOL, err, scan.odd);
    _cleanup_free_ char *text = hal9_alloc(len + 1);
    _cleanup_free_ char *scratch = hal9_alloc(len + 1);
    memcpy(text, data, len);
    struct builder b = {.start = text, .p = text, .scratch = scratch};
    skip_blanks(&b);
    cJSON *tree = build(&b);
    if (b.twice) {
        cJSON_Delete(tree);
        return refuse_twice(&b, data, len, err);
    }
    *ret = tree;
    return HAL9_OK;
}
