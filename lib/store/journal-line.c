/* Lines of a journal: how they are sealed, and how all of them are checked. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

/* ,"crc":"01234567"} */
#define SEAL_LEN 18
static const char seal_head[] = ",\"crc\":\"";
#define SEAL_HEAD_LEN (sizeof(seal_head) - 1)

hal9_status hal9_line_seal(const cJSON *line, uint32_t *crc, struct hal9_buf *ret,
                           struct hal9_error *err) {
    if (!cJSON_IsObject(line) || !line->child)
        return hal9_error_set(err, HAL9_E_USAGE, "a journal's line must be an object with members");
    if (cJSON_GetObjectItemCaseSensitive(line, "crc"))
        return hal9_error_set(err, HAL9_E_USAGE, "a journal's line has no 'crc' of its own");
    _cleanup_free_ char *text = hal9_json_text(line);
    size_t body = strlen(text) - 1; /* without the last brace */
    *crc = hal9_crc32c(*crc, text, body);
    hal9_buf_add(ret, text, body);
    hal9_buf_printf(ret, "%s%08x\"}\n", seal_head, *crc);
    return HAL9_OK;
}

/* What is wrong with a line, or NULL; then *ret is the object without its crc. len is without the
 * newline. */
const char *hal9_line_check(const char *line, size_t len, uint32_t *crc, cJSON **ret) {
    if (memchr(line, '\0', len))
        return "it has zero bytes";
    if (len <= SEAL_LEN || memcmp(line + len - SEAL_LEN, seal_head, SEAL_HEAD_LEN) != 0 ||
        memcmp(line + len - 2, "\"}", 2) != 0)
        return "it does not end with a checksum";
    uint32_t want = hal9_crc32c(*crc, line, len - SEAL_LEN);
    char hex[9];
    snprintf(hex, sizeof(hex), "%08x", want);
    if (memcmp(line + len - SEAL_LEN + SEAL_HEAD_LEN, hex, 8) != 0)
        return "its checksum does not match";
    _cleanup_json_ cJSON *object = NULL;
    if (hal9_json_parse(line, len, &object, NULL) != HAL9_OK || !cJSON_IsObject(object))
        return "it is not a JSON object";
    cJSON_DeleteItemFromObjectCaseSensitive(object, "crc");
    *crc = want;
    *ret = HAL9_TAKE_PTR(object);
    return NULL;
}

/* Length up to which the content can be whole lines: without zero bytes at the end and without a
 * last line that has no newline. */
static size_t whole_length(const char *data, size_t len) {
    while (len > 0 && data[len - 1] == '\0')
        len--;
    const char *newline = len > 0 ? memrchr(data, '\n', len) : NULL;
    return newline ? (size_t)(newline - data) + 1 : 0;
}

static hal9_status damaged(size_t line, const char *why, const char *path, const char *id,
                           struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_CORRUPT, "line %zu of the journal of operation %s is damaged: %s",
                   line, id, why);
    hal9_error_place(err, path, (unsigned)line, 0);
    hal9_error_hint(err, "nothing was done with it; look at the lines before it by hand");
    return HAL9_E_CORRUPT;
}

#define SECTOR 512

/* The last line may have its newline and all the same a sector before it that never reached the
 * disk: zero bytes from the line's beginning or a sector's, up to the end of a sector. Then it was
 * never durable, and nothing was done on its account. Any other zero bytes are damage. */
static bool torn_last(const char *data, size_t from, size_t to) {
    bool torn = false;
    for (size_t at = from; at < to; at++) {
        if (data[at] != '\0')
            continue;
        size_t start = at;
        while (at < to && data[at] == '\0')
            at++;
        if ((start != from && start % SECTOR != 0) || at % SECTOR != 0)
            return false;
        torn = true;
    }
    return torn;
}

hal9_status hal9_scan_lines(const char *data, size_t len, const char *path, const char *id,
                            struct hal9_scan *ret, struct hal9_error *err) {
    struct hal9_scan scan = {.whole = whole_length(data, len)};
    _cleanup_json_ cJSON *array = cJSON_CreateArray();
    const char *end = data + scan.whole;
    for (const char *line = data; line < end;) {
        size_t length = (size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) - line);
        size_t from = (size_t)(line - data);
        if (line + length + 1 == end && torn_last(data, from, from + length)) {
            scan.whole = from;
            break;
        }
        cJSON *object = NULL;
        const char *why = hal9_line_check(line, length, &scan.crc, &object);
        if (why)
            return damaged(scan.lines + 1, why, path, id, err);
        cJSON_AddItemToArray(array, object);
        scan.ended = hal9_streq(hal9_json_str(object, "type"), "end");
        scan.lines++;
        line += length + 1;
    }
    scan.torn = scan.whole < len;
    scan.array = HAL9_TAKE_PTR(array);
    *ret = scan;
    return HAL9_OK;
}
