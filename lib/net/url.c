/* URLs taken apart, and as they may be shown. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/net.h"

/* Copies "a=1&token=x" with the values of what looks like a secret replaced. */
static void redact_query(struct hal9_buf *out, const char *query) {
    while (*query) {
        const size_t pair = strcspn(query, "&#"), name = strcspn(query, "=&#");
        char *word = hal9_strndup(query, name);
        const bool secret = name < pair && hal9_secret_name(word);
        hal9_buf_add(out, query, secret ? name + 1 : pair);
        if (secret)
            hal9_buf_puts(out, "***");
        free(word);
        query += pair;
        if (*query == '#') {
            hal9_buf_puts(out, query);
            return;
        }
        if (*query)
            hal9_buf_putc(out, *query++);
    }
}

char *hal9_url_redact(const char *url) {
    struct hal9_buf out = {0};
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    hal9_buf_add(&out, url, (size_t)(host - url));
    if (at && memchr(host, ':', (size_t)(at - host))) {
        hal9_buf_add(&out, host, strcspn(host, ":"));
        hal9_buf_puts(&out, ":***");
    } else if (at)
        hal9_buf_add(&out, host, (size_t)(at - host));
    const char *rest = at ? at : host;
    const size_t path = strcspn(rest, "?");
    hal9_buf_add(&out, rest, path);
    if (rest[path] == '?') {
        hal9_buf_putc(&out, '?');
        redact_query(&out, rest + path + 1);
    }
    return hal9_buf_take(&out);
}

void hal9_url_clear(struct hal9_url *u) {
    free(u->host);
    free(u->path);
    *u = (struct hal9_url){0};
}

/* "host", "host:port", "[v6]:port"; false with what is wrong. */
static bool parse_host(const char *text, size_t length, struct hal9_url *u, const char **wrong) {
    _cleanup_free_ char *copy = hal9_strndup(text, length);
    char *host = copy, *end = copy + strcspn(copy, ":");
    int64_t port = u->tls ? 443 : 80;
    if (*host == '[') {
        end = strchr(++host, ']');
        *wrong = "has an IPv6 address without ]";
        if (!end)
            return false;
        *end++ = '\0';
    }
    *wrong = "has a port that is none";
    if (*end == ':' && hal9_parse_int(end + 1, 1, 65535, &port, NULL) != HAL9_OK)
        return false;
    if (*end != ':' && *end != '\0')
        return false;
    *end = '\0';
    *wrong = "has no host";
    if (!*host)
        return false;
    u->host = hal9_strdup(host);
    u->port = (uint16_t)port;
    return true;
}

static bool has_odd_bytes(const char *url) {
    for (; *url; url++)
        if ((unsigned char)*url <= ' ' || *url == '\\' || *url == 0x7f)
            return true;
    return false;
}

static bool parse_parts(const char *url, struct hal9_url *u, const char **wrong) {
    const char *host = strstr(url, "://");
    *wrong = "is neither http:// nor https://";
    if (!hal9_startswith(url, "http://") && !hal9_startswith(url, "https://"))
        return false;
    *wrong = "has a blank, a control character or a backslash";
    if (has_odd_bytes(url))
        return false;
    host += 3;
    const char *end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(end - host));
    u->tls = url[4] == 's';
    u->password = at && memchr(host, ':', (size_t)(at - host));
    if (at)
        host = at + 1;
    if (!parse_host(host, (size_t)(end - host), u, wrong))
        return false;
    u->path = *end == '/' ? hal9_strndup(end, strcspn(end, "?#")) : hal9_strdup("/");
    return true;
}

hal9_status hal9_url_parse(const char *url, struct hal9_url *ret, struct hal9_error *err) {
    struct hal9_url u = {0};
    const char *wrong = NULL;
    if (!parse_parts(url, &u, &wrong)) {
        _cleanup_free_ char *shown = hal9_url_redact(url);
        hal9_url_clear(&u);
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' %s", shown, wrong);
    }
    *ret = u;
    return HAL9_OK;
}
