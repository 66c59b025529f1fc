/* The fingerprint of a certificate that libcurl hands out as PEM. */
#include <string.h>

#include "base/cleanup.h"
#include "net/easy.h"

static int base64_value(char c) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* Base64 (RFC 4648, section 4) up to the first '-' or '='; line ends are passed over. */
static void base64_decode(const char *text, struct hal9_buf *out) {
    uint32_t bits = 0;
    int have = 0;
    for (; *text && *text != '-' && *text != '='; text++) {
        const int value = base64_value(*text);
        if (value < 0)
            continue;
        bits = (bits << 6 | (uint32_t)value) & 0xffffff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        hal9_buf_putc(out, (char)(bits >> have & 0xff));
    }
}

char *hal9_pem_fingerprint(const char *pem) {
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    _cleanup_buf_ struct hal9_buf der = {0};
    const char *at = strstr(pem, begin);
    if (!at)
        return NULL;
    base64_decode(at + sizeof(begin) - 1, &der);
    if (der.len == 0)
        return NULL;
    char *hex = hal9_alloc(65);
    hal9_sha256_hex(der.data, der.len, hex);
    return hex;
}
