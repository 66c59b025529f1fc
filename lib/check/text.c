/* Bytes on the wire as users write them. */
#include "check/text.h"

#include <string.h>

#include "base/cleanup.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One escape after its backslash: its byte, or -1. */
static int unescape_one(const char **text) {
    static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    const char c = *(*text)++;
    const char *at = c ? strchr(names, c) : NULL;
    if (at)
        return bytes[at - names];
    if (c != 'x')
        return -1;
    const int high = hex_value((*text)[0]);
    const int low = high >= 0 ? hex_value((*text)[1]) : -1;
    if (low < 0)
        return -1;
    *text += 2;
    return high * 16 + low;
}

bool hal9_unescape(const char *text, struct hal9_buf *ret, char **ret_why) {
    while (*text) {
        if (*text != '\\') {
            hal9_buf_putc(ret, *text++);
            continue;
        }
        const char *at = text++;
        const int byte = *text ? unescape_one(&text) : -1;
        if (byte < 0) {
            *ret_why = hal9_strf("'%.4s' is not one of \\r \\n \\t \\0 \\\\ \\xHH", at);
            return false;
        }
        hal9_buf_putc(ret, (char)byte);
    }
    return true;
}

char *hal9_escape(const void *data, size_t length, size_t max) {
    const unsigned char *bytes = data;
    struct hal9_buf out = {0};
    for (size_t i = 0; i < length && i < max; i++) {
        if (bytes[i] == '\r' || bytes[i] == '\n')
            hal9_buf_puts(&out, bytes[i] == '\r' ? "\\r" : "\\n");
        else if (bytes[i] < ' ' || bytes[i] >= 0x7f)
            hal9_buf_printf(&out, "\\x%02x", bytes[i]);
        else
            hal9_buf_putc(&out, (char)bytes[i]);
    }
    if (length > max)
        hal9_buf_puts(&out, "...");
    return hal9_buf_take(&out);
}

/* How many bytes of valid UTF-8 (RFC 3629) begin here; 0: none. */
static size_t utf8_length(const unsigned char *s, size_t left) {
    const size_t n = s[0] < 0x80   ? 1
                     : s[0] < 0xc2 ? 0
                     : s[0] < 0xe0 ? 2
                     : s[0] < 0xf0 ? 3
                     : s[0] < 0xf5 ? 4
                                   : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

char *hal9_first_line(const struct hal9_buf *b, size_t max) {
    struct hal9_buf out = {0};
    const unsigned char *s = (const unsigned char *)b->data;
    size_t i = 0;
    while (i < b->len && (s[i] == '\n' || s[i] == '\r'))
        i++;
    while (i < b->len && s[i] != '\n' && s[i] != '\r' && out.len < max) {
        const size_t n = utf8_length(s + i, b->len - i);
        if (n == 0 || s[i] < ' ' || s[i] == 0x7f)
            hal9_buf_printf(&out, "\\x%02x", s[i++]);
        else {
            hal9_buf_add(&out, s + i, n);
            i += n;
        }
    }
    return hal9_buf_take(&out);
}

bool hal9_host_port(const char *text, char **ret_host, uint16_t *ret_port, char **ret_why) {
    const char *colon = strrchr(text, ':');
    const bool bracket = *text == '[' && colon && colon > text && colon[-1] == ']';
    const char *host = bracket ? text + 1 : text;
    const size_t length = colon ? (size_t)(colon - host) - bracket : 0;
    int64_t port;
    if (!colon || length == 0 || (!bracket && memchr(host, ':', length))) {
        *ret_why = hal9_strf("'%s' is not host:port%s", text,
                             colon && !bracket && length > 0 ? "; IPv6 is [::1]:port" : "");
        return false;
    }
    if (hal9_parse_int(colon + 1, 1, 65535, &port, NULL) != HAL9_OK) {
        *ret_why = hal9_strf("'%s' is not a port from 1 to 65535", colon + 1);
        return false;
    }
    *ret_host = hal9_strndup(host, length);
    *ret_port = (uint16_t)port;
    return true;
}
