/* The strict scanner: what every byte passes before a tree is made of it or a line is passed on. */
#ifndef HAL9_DOC_JSON_SCAN_H
#define HAL9_DOC_JSON_SCAN_H

#include "hal9ops/base.h"

#define HAL9_JSON_DEPTH 100
#define HAL9_JSON_TOP 48

/* A member of the outermost object: spans of the text, the key without its quotes. */
struct hal9_json_member {
    const char *key;
    const char *value;
    uint32_t key_len, value_len;
};

/* What a scan found. why NULL: the text is JSON, and the rest holds. */
struct hal9_json_scan {
    const char *why;   /* static words */
    hal9_status code;  /* HAL9_E_PROTOCOL, or HAL9_E_LIMIT by depth */
    size_t at;         /* offset of the fault */
    const char *odd;   /* valid JSON that no C string can hold ("\u0000", half a surrogate pair) */
    size_t odd_at;     /* its offset */
    bool maybe_double; /* an object may have a key twice: only a tree can tell */
    bool top_object;   /* the text is an object, whose first members are top */
    bool top_whole;    /* top has all of its members, and none of the keys has an escape */
    size_t n_top;
    struct hal9_json_member top[HAL9_JSON_TOP];
};

/* Scans a text of any length without allocating: RFC 8259, UTF-8 as in Unicode's table 3-7, at most
 * HAL9_JSON_DEPTH deep. Returns whether it is JSON. */
bool hal9_json_scan(const char *data, size_t len, struct hal9_json_scan *ret);
/* The value of a member of the outermost object; NULL when missing (or not within top). */
const struct hal9_json_member *hal9_json_scan_get(const struct hal9_json_scan *s, const char *key);
/* Length of the well-formed UTF-8 sequence at p, 1 to 4; 0 when it is none. */
size_t hal9_utf8_length(const unsigned char *p, const unsigned char *end);
/* The place of an offset, both from 1; columns count characters. */
void hal9_place_of(const char *data, size_t len, size_t offset, unsigned *ret_line,
                   unsigned *ret_col);

#endif
