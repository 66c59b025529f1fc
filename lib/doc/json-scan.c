/* Scans JSON strictly and fast: cJSON takes 01, bad UTF-8 and trailing words, so it never sees
 * bytes that did not pass here. */
#include <string.h>

#include "doc/json-scan.h"

typedef unsigned char byte;

struct scan {
    const byte *start, *end;
    struct hal9_json_scan *found;
    unsigned depth;
};

static const byte *value(struct scan *s, const byte *p);

static const byte *fault(struct scan *s, const byte *p, const char *why) {
    s->found->why = why;
    s->found->code = HAL9_E_PROTOCOL;
    s->found->at = (size_t)(p - s->start);
    return NULL;
}

static const byte *blanks(const struct scan *s, const byte *p) {
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Eight bytes at once: the high bit of each byte of the result tells that the byte is below 0x20, a
 * quote, a backslash or above 0x7f (Sean Anderson, "Bit Twiddling Hacks", haszero and hasless; a
 * borrow may flag a byte too many, never one too few). */
static uint64_t special(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t high = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    return (((word - ones * 0x20) | (quote - ones) | (backslash - ones)) | word) & high;
}

/* The first byte that is not plain text of a string. */
static const byte *plain(const byte *p, const byte *end) {
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        if (special(word))
            break;
        p += 8;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* Unicode 15, table 3-7: neither overlong forms, nor surrogates, nor beyond U+10FFFF. */
size_t hal9_utf8_length(const byte *p, const byte *end) {
    byte low = 0x80, high = 0xbf;
    size_t more;
    if (p >= end)
        return 0;
    if (*p < 0x80)
        return 1;
    if (*p >= 0xc2 && *p <= 0xdf)
        more = 1;
    else if (*p >= 0xe0 && *p <= 0xef)
        more = 2;
    else if (*p >= 0xf0 && *p <= 0xf4)
        more = 3;
    else
        return 0;
    low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : low;
    high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : high;
    if ((size_t)(end - p) <= more || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return more + 1;
}

/* The four digits behind \u, or -1. */
static int hex4(const struct scan *s, const byte *p) {
    int code = 0;
    if (s->end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = p[i] >= '0' && p[i] <= '9'   ? p[i] - '0'
                    : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
                    : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static void odd(struct scan *s, const byte *p, const char *what) {
    if (s->found->odd)
        return;
    s->found->odd = what;
    s->found->odd_at = (size_t)(p - s->start);
}

/* p is at the backslash. */
static const byte *escape(struct scan *s, const byte *p) {
    if (s->end - p < 2)
        return fault(s, s->end, "a string without its closing quote");
    if (p[1] != 'u')
        return p[1] != '\0' && strchr("\"\\/bfnrt", p[1])
                   ? p + 2
                   : fault(s, p, "an unknown escape in a string");
    int code = hex4(s, p + 2);
    if (code < 0)
        return fault(s, p, "\\u wants four hexadecimal digits");
    if (code == 0)
        odd(s, p, "the character \\u0000");
    if (code >= 0xdc00 && code <= 0xdfff)
        odd(s, p, "half of a surrogate pair");
    if (code < 0xd800 || code > 0xdbff)
        return p + 6;
    int low = s->end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(s, p + 8) : -1;
    if (low >= 0xdc00 && low <= 0xdfff)
        return p + 12;
    odd(s, p, "half of a surrogate pair");
    return p + 6;
}

/* p is behind the opening quote; returns what is behind the closing one. */
static const byte *string(struct scan *s, const byte *p) {
    while (p) {
        p = plain(p, s->end);
        if (p == s->end)
            return fault(s, p, "a string without its closing quote");
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = escape(s, p);
        } else if (*p < 0x20) {
            return fault(s, p, "a control character in a string");
        } else {
            size_t len = hal9_utf8_length(p, s->end);
            if (len == 0)
                return fault(s, p, "bytes that are not UTF-8");
            p += len;
        }
    }
    return NULL;
}

static const byte *digits(const struct scan *s, const byte *p) {
    while (p < s->end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static const byte *number(struct scan *s, const byte *p) {
    const byte *start = p;
    p += *p == '-';
    const byte *whole = p;
    p = digits(s, p);
    if (p == whole || (*whole == '0' && p > whole + 1))
        return fault(s, start, "a number that JSON does not write so");
    if (p < s->end && *p == '.') {
        const byte *fraction = ++p;
        p = digits(s, p);
        if (p == fraction)
            return fault(s, start, "a number without digits behind its point");
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < s->end && (*p == '+' || *p == '-');
        const byte *exponent = p;
        p = digits(s, p);
        if (p == exponent)
            return fault(s, start, "a number without digits in its exponent");
    }
    return p;
}

static const byte *word(struct scan *s, const byte *p, const char *text, size_t len) {
    if ((size_t)(s->end - p) >= len && memcmp(p, text, len) == 0)
        return p + len;
    return fault(s, p, "a word that JSON does not know");
}

/* The keys of one object, by hash: enough to rule out that one is there twice. */
struct keys {
    uint64_t seen;
    uint32_t hash[32];
    unsigned n;
};

static uint32_t key_hash(const byte *key, size_t len) {
    uint64_t first = 0, last = 0;
    if (len >= 8) {
        memcpy(&first, key, 8);
        memcpy(&last, key + len - 8, 8);
    } else {
        for (size_t i = 0; i < len; i++)
            first = first << 8 | key[i];
    }
    uint64_t mixed = (first ^ (last << 17 | last >> 47) ^ len) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 32);
}

static void note_key(struct scan *s, struct keys *keys, const byte *key, size_t len) {
    uint32_t hash = key_hash(key, len);
    uint64_t bit = 1ull << (hash & 63);
    if (keys->seen & bit)
        for (unsigned i = 0; i < keys->n; i++)
            if (keys->hash[i] == hash)
                s->found->maybe_double = true;
    if (keys->n == sizeof(keys->hash) / sizeof(keys->hash[0])) {
        s->found->maybe_double = true;
        return;
    }
    keys->seen |= bit;
    keys->hash[keys->n++] = hash;
}

static void note_top(struct scan *s, const byte *key, size_t key_len, const byte *at,
                     const byte *end) {
    struct hal9_json_scan *f = s->found;
    size_t value_len = (size_t)(end - at);
    if (f->n_top == HAL9_JSON_TOP || key_len > UINT32_MAX || value_len > UINT32_MAX) {
        f->top_whole = false;
        return;
    }
    f->top[f->n_top++] = (struct hal9_json_member){.key = (const char *)key,
                                                   .value = (const char *)at,
                                                   .key_len = (uint32_t)key_len,
                                                   .value_len = (uint32_t)value_len};
}

/* "key": value, with p at the quote. */
static const byte *member(struct scan *s, const byte *p, struct keys *keys) {
    if (p == s->end || *p != '"')
        return fault(s, p, "an object wants a key in quotes here");
    const byte *key = p + 1;
    p = string(s, key);
    if (!p)
        return NULL;
    size_t key_len = (size_t)(p - 1 - key);
    note_key(s, keys, key, key_len);
    if (memchr(key, '\\', key_len)) {
        s->found->maybe_double = true;
        s->found->top_whole = false;
    }
    p = blanks(s, p);
    if (p == s->end || *p != ':')
        return fault(s, p, "a key wants a colon behind it");
    const byte *at = blanks(s, p + 1);
    p = value(s, at);
    if (p && s->depth == 1)
        note_top(s, key, key_len, at, p);
    return p;
}

static const byte *object(struct scan *s, const byte *p) {
    struct keys keys;
    keys.seen = 0;
    keys.n = 0;
    if (s->depth == 1)
        s->found->top_object = true;
    p = blanks(s, p + 1);
    if (p < s->end && *p == '}')
        return p + 1;
    while ((p = member(s, p, &keys))) {
        p = blanks(s, p);
        if (p < s->end && *p == '}')
            return p + 1;
        if (p == s->end || *p != ',')
            return fault(s, p, "an object wants a comma or its closing brace here");
        p = blanks(s, p + 1);
    }
    return NULL;
}

static const byte *array(struct scan *s, const byte *p) {
    p = blanks(s, p + 1);
    if (p < s->end && *p == ']')
        return p + 1;
    while ((p = value(s, p))) {
        p = blanks(s, p);
        if (p < s->end && *p == ']')
            return p + 1;
        if (p == s->end || *p != ',')
            return fault(s, p, "an array wants a comma or its closing bracket here");
        p = blanks(s, p + 1);
    }
    return NULL;
}

static const byte *nested(struct scan *s, const byte *p) {
    if (s->depth == HAL9_JSON_DEPTH) {
        fault(s, p, "more than 100 levels");
        s->found->code = HAL9_E_LIMIT;
        return NULL;
    }
    s->depth++;
    p = *p == '{' ? object(s, p) : array(s, p);
    s->depth--;
    return p;
}

static const byte *value(struct scan *s, const byte *p) {
    if (p == s->end)
        return fault(s, p, "the text ends where a value should be");
    switch (*p) {
    case '"':
        return string(s, p + 1);
    case '{':
    case '[':
        return nested(s, p);
    case 't':
        return word(s, p, "true", 4);
    case 'f':
        return word(s, p, "false", 5);
    case 'n':
        return word(s, p, "null", 4);
    default:
        if (*p == '-' || (*p >= '0' && *p <= '9'))
            return number(s, p);
        return fault(s, p, "no value begins so");
    }
}

bool hal9_json_scan(const char *data, size_t len, struct hal9_json_scan *ret) {
    const byte *start = (const byte *)data;
    struct scan s = {.start = start, .end = start + len, .found = ret};
    ret->why = ret->odd = NULL;
    ret->code = HAL9_OK;
    ret->maybe_double = ret->top_object = false;
    ret->top_whole = true;
    ret->n_top = ret->at = ret->odd_at = 0;
    const byte *p = value(&s, blanks(&s, start));
    if (p)
        p = blanks(&s, p);
    if (p && p < s.end)
        fault(&s, p, "something behind the end of the value");
    return !ret->why;
}

const struct hal9_json_member *hal9_json_scan_get(const struct hal9_json_scan *s, const char *key) {
    size_t len = strlen(key);
    for (size_t i = 0; i < s->n_top; i++)
        if (s->top[i].key_len == len && memcmp(s->top[i].key, key, len) == 0)
            return &s->top[i];
    return NULL;
}

void hal9_place_of(const char *data, size_t len, size_t offset, unsigned *ret_line,
                   unsigned *ret_col) {
    unsigned line = 1, col = 1;
    for (size_t i = 0; i < offset && i < len; i++) {
        if (data[i] == '\n') {
            line++;
            col = 1;
        } else if (((byte)data[i] & 0xc0) != 0x80) {
            col++;
        }
    }
    *ret_line = line;
    *ret_col = col;
}
