/*
 * Text as a terminal takes it: what it can't show becomes '?', columns are counted as it counts them, lines end at its width.
 * The width of characters is a short form of Unicode's EastAsianWidth.txt (W and F) and of its combining marks.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "doc/json-scan.h"

bool cli_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strcasestr(value, "UTF-8") || strcasestr(value, "UTF8");
    }
    return false;
}

struct range {
    unsigned first, last;
};
static const struct range none[] = {{0x300, 0x36f},   {0x1ab0, 0x1aff}, {0x200b, 0x200f},
                                    {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f},
                                    {0xfeff, 0xfeff}};
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26d4, 0x26d4},
    {0x2705, 0x2705},   {0x270a, 0x270b},   {0x274c, 0x274c},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};

static bool is_in(unsigned c, const struct range *r, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].first && c <= r[i].last)
            return true;
    return false;
}

static unsigned decode(const unsigned char *p, size_t n) {
    unsigned c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* Bytes of an escape sequence of ours (cli_style, and what clears a line of progress); 0: none. What stands in a foreign text hides nothing. */
static size_t escape(const unsigned char *p, const unsigned char *end) {
    static const char *const ours[] = {"\033[0m",  "\033[1m",  "\033[2m", "\033[31m",
                                       "\033[32m", "\033[33m", "\r\033[K"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(ours); i++) {
        const size_t n = strlen(ours[i]);

        if ((size_t)(end - p) >= n && memcmp(p, ours[i], n) == 0)
            return n;
    }
    return 0;
}

/* Characters that turn the line round, end it, or can't be seen. */
static bool misleads(unsigned c) {
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad;
}

/* One character, or one escape sequence: its bytes, and the columns it takes. */
static size_t step(const unsigned char *p, const unsigned char *end, int *ret_columns) {
    const size_t esc = escape(p, end), n = esc ? esc : hal9_utf8_length(p, end);

    *ret_columns = 0;
    if (esc > 0)
        return esc;
    if (n == 0) {
        *ret_columns = 1;
        return 1;
    }
    const unsigned c = decode(p, n);

    if (c == (unsigned char)CLI_GLUE[0])
        *ret_columns = 1;
    else if (c >= ' ' && !is_in(c, none, HAL9_ARRAY_LEN(none)))
        *ret_columns = is_in(c, wide, HAL9_ARRAY_LEN(wide)) ? 2 : 1;
    return n;
}

int cli_columns(const char *text) {
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    int sum = 0, columns;

    while (p < end) {
        p += step(p, end, &columns);
        sum += columns;
    }
    return sum;
}

char *cli_cut(const char *text, int columns) {
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    int sum = 0, next;

    while (p < end) {
        const size_t n = step(p, end, &next);

        if (sum + next > columns)
            break;
        sum += next;
        p += n;
    }
    return hal9_strndup(text, (size_t)(p - (const unsigned char *)text));
}

/* Without control characters but line ends and our escapes; in ASCII where the terminal knows no more. */
static void clean(const char *text, struct hal9_buf *out) {
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    const bool utf8 = cli_utf8();

    while (p < end) {
        const size_t esc = escape(p, end), n = esc ? esc : hal9_utf8_length(p, end);
        const unsigned c = n > 0 && !esc ? decode(p, n) : 0;
        const bool control = !esc && ((c < ' ' && !strchr("\n\t" CLI_GLUE, (int)c)) ||
                                      (c >= 0x7f && c < 0xa0) || misleads(c));

        if (n == 0 || control || (c > 0x7f && !utf8))
            hal9_buf_putc(out, '?');
        else
            hal9_buf_add(out, p, n);
        p += n > 0 ? n : 1;
    }
}

/* Bytes of the word at hand. A command that is to be typed ("Undo: hal9-rollback undo 7f3a") is one word: half of it would be copied. */
static size_t word_length(const char *line, size_t at, size_t len) {
    const bool command =
        strncmp(line + at, "hal9-", 5) == 0 && at >= 2 && strncmp(line + at - 2, ": ", 2) == 0;
    size_t n = 0;

    while (at + n < len && line[at + n] != '\n') {
        const char *p = line + at + n;

        if (*p == ' ' && (!command || strchr(",;.:(", p[1]) || strchr(",;.:", p[-1])))
            break;
        n++;
    }
    return n;
}

/* One line without its end, broken at blanks; what follows stands two columns further in. */
static void wrap(const char *line, size_t len, int width, struct hal9_buf *out) {
    const size_t indent = strspn(line, " ") < len ? strspn(line, " ") : len;
    size_t at = indent;
    int column = (int)indent, begin = column; /* where this line's first word stands */

    hal9_buf_add(out, line, indent);
    while (at < len) {
        const size_t word = word_length(line, at, len);
        const size_t gap = word < len - at ? strspn(line + at + word, " ") : 0;
        _cleanup_free_ char *text = hal9_strndup(line + at, word);
        const int columns = cli_columns(text);

        if (column + columns > width && column > begin) {
            while (out->len > 0 && out->data[out->len - 1] == ' ')
                out->data[--out->len] = '\0';
            hal9_buf_printf(out, "\n%*s", (int)indent + 2, "");
            column = begin = (int)indent + 2;
        }
        hal9_buf_add(out, line + at, word + gap);
        column += columns + (int)gap;
        at += word + gap;
    }
}

char *cli_fit(const char *text, int width) {
    _cleanup_buf_ struct hal9_buf cleaned = {0};
    struct hal9_buf out = {0};

    clean(text, &cleaned);
    for (const char *p = cleaned.data ? cleaned.data : ""; *p;) {
        const size_t len = strcspn(p, "\n");
        _cleanup_free_ char *line = hal9_strndup(p, len);

        if (width > 0 && p[len] == '\n' && cli_columns(line) > width)
            wrap(line, len, width, &out);
        else
            hal9_buf_add(&out, p, len);
        if (p[len] == '\n')
            hal9_buf_putc(&out, '\n');
        p += len + (p[len] == '\n');
    }
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] == CLI_GLUE[0])
            out.data[i] = ' ';
    return hal9_buf_take(&out);
}
