/* Writes cJSON trees. cJSON's own writer rounds whole numbers above 10^15 and lets bytes through
 * that are not UTF-8 (a process may be named so). */
#include <stdlib.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "doc/number.h"
#include "hal9ops/doc.h"

static void put_control(struct hal9_buf *out, unsigned char c) {
    switch (c) {
    case '\n':
        hal9_buf_add(out, "\\n", 2);
        break;
    case '\t':
        hal9_buf_add(out, "\\t", 2);
        break;
    case '\r':
        hal9_buf_add(out, "\\r", 2);
        break;
    case '"':
        hal9_buf_add(out, "\\\"", 2);
        break;
    case '\\':
        hal9_buf_add(out, "\\\\", 2);
        break;
    default:
        hal9_buf_printf(out, "\\u%04x", c);
    }
}

/* Characters that JSON allows and YAML does not, or takes for a line end: written as \u they are safe in
 * both, and people see them. 0 for all others. */
static unsigned unsafe(const unsigned char *p, size_t len) {
    unsigned code = len == 2   ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                    : len == 3 ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu)
                               : 0;
    bool is = (code >= 0x80 && code <= 0x9f) || code == 0x2028 || code == 0x2029 ||
              code == 0xfeff || code >= 0xfffe;
    return is ? code : 0;
}

/* One character above ASCII, or what stands for a byte that is none. Returns what is behind it. */
static const unsigned char *put_wide(struct hal9_buf *out, const unsigned char *p) {
    /* A sequence never reaches over the final NUL: that is no continuation byte. */
    size_t len = hal9_utf8_length(p, p + 4);
    unsigned code = unsafe(p, len);
    if (len == 0)
        hal9_buf_add(out, "\xef\xbf\xbd", 3);
    else if (code > 0)
        hal9_buf_printf(out, "\\u%04x", code);
    else
        hal9_buf_add(out, p, len);
    return p + (len > 0 ? len : 1);
}

static void put_string(struct hal9_buf *out, const char *text) {
    const unsigned char *p = (const unsigned char *)(text ? text : "");
    hal9_buf_putc(out, '"');
    while (*p) {
        const unsigned char *plain = p;
        while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
            p++;
        hal9_buf_add(out, plain, (size_t)(p - plain));
        if (*p >= 0x80)
            p = put_wide(out, p);
        else if (*p)
            put_control(out, *p++);
    }
    hal9_buf_putc(out, '"');
}

static void put(struct hal9_buf *out, const cJSON *j);

static void put_members(struct hal9_buf *out, const cJSON *j, bool named) {
    const cJSON *item;
    hal9_buf_putc(out, named ? '{' : '[');
    cJSON_ArrayForEach(item, j) {
        if (item != j->child)
            hal9_buf_putc(out, ',');
        if (named) {
            put_string(out, item->string);
            hal9_buf_putc(out, ':');
        }
        put(out, item);
    }
    hal9_buf_putc(out, named ? '}' : ']');
}

static void put(struct hal9_buf *out, const cJSON *j) {
    char number[32];
    switch (j->type & 0xff) {
    case cJSON_String:
        put_string(out, j->valuestring);
        break;
    case cJSON_Object:
    case cJSON_Array:
        put_members(out, j, cJSON_IsObject(j));
        break;
    case cJSON_Number:
        hal9_number_text(j->valuedouble, number);
        hal9_buf_puts(out, number);
        break;
    case cJSON_True:
        hal9_buf_puts(out, "true");
        break;
    case cJSON_False:
        hal9_buf_puts(out, "false");
        break;
    case cJSON_Raw:
        hal9_buf_puts(out, j->valuestring ? j->valuestring : "null");
        break;
    default:
        hal9_buf_puts(out, "null");
    }
}

char *hal9_json_text(const cJSON *j) {
    struct hal9_buf out = {0};
    if (j)
        put(&out, j);
    else
        hal9_buf_puts(&out, "null");
    return hal9_buf_take(&out);
}
