/* One HTTP exchange: options set before, what came in taken up, what became of it told. */
#include "net/easy.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_MAX_BODY ((size_t)1024 * 1024)
#define MAX_HEADERS ((size_t)256 * 1024)

static size_t take_body(char *data, size_t size, size_t n, void *own) {
    struct hal9_easy *e = own;
    struct hal9_http_response *r = &e->response;
    const size_t length = size * n, room = e->max_body - r->body.len;
    hal9_buf_add(&r->body, data, length < room ? length : room);
    if (length <= room)
        return length;
    r->truncated = true; /* ends the transfer: nobody needs the rest */
    return 0;
}

/* "Name:  value\r\n" becomes "name: value". */
static void add_header(struct hal9_strv *headers, const char *line, size_t length) {
    const char *colon = memchr(line, ':', length);
    if (!colon)
        return;
    const char *value = colon + 1, *end = line + length;
    while (value < end && isspace((unsigned char)*value))
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    char *text = hal9_strf("%.*s: %.*s", (int)(colon - line), line, (int)(end - value), value);
    for (char *c = text; *c != ':'; c++)
        *c = (char)tolower((unsigned char)*c);
    hal9_strv_take(headers, text);
}

static size_t take_header(char *data, size_t size, size_t n, void *own) {
    struct hal9_easy *e = own;
    const size_t length = size * n;
    e->header_bytes += length;
    if (e->header_bytes > MAX_HEADERS) {
        e->headers_too_large = true;
        return 0;
    }
    /* A status line begins another answer: after a redirect, after 100 Continue. */
    if (length >= 5 && memcmp(data, "HTTP/", 5) == 0)
        hal9_strv_free(&e->response.headers);
    else
        add_header(&e->response.headers, data, length);
    return length;
}

/* Whether the URL's host is this machine's loopback: no proxy can reach that. */
static hal9_status host_is_loopback(const char *url, bool *ret, struct hal9_error *err) {
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    hal9_status status = hal9_url_parse(url, &u, err);
    if (status == HAL9_OK)
        *ret = strcasecmp(u.host, "localhost") == 0 || hal9_startswith(u.host, "127.") ||
               hal9_startswith(u.host, "::ffff:127.") || strcmp(u.host, "::1") == 0;
    return status;
}

static CURLcode set_method(CURL *h, const struct hal9_http_request *q) {
    CURLcode code = CURLE_OK;
    const bool head = hal9_streq(q->method, "HEAD");
    if (q->data) {
        code |= hal9_curl_size(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->data_len);
        code |= hal9_curl_pointer(h, CURLOPT_COPYPOSTFIELDS, q->data);
    }
    if (head)
        code |= hal9_curl_long(h, CURLOPT_NOBODY, 1);
    else if (q->method)
        code |= hal9_curl_text(h, CURLOPT_CUSTOMREQUEST, q->method);
    return code;
}

static CURLcode set_headers(struct hal9_easy *e, const struct hal9_http_request *q) {
    /* libcurl's "Expect: 100-continue" costs a second where the peer doesn't know it. */
    struct curl_slist *list = e->curl->f_curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; q->headers && q->headers[i]; i++)
        list = e->curl->f_curl_slist_append(list, q->headers[i]);
    e->headers = list;
    return hal9_curl_list(e->handle, CURLOPT_HTTPHEADER, list);
}

static CURLcode set_transport(const struct hal9_easy *e, const struct hal9_http_request *q) {
    CURL *h = e->handle;
    CURLcode code = hal9_curl_long(h, CURLOPT_NOSIGNAL, 1);
    code |= hal9_curl_text(h, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= hal9_curl_text(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code |= hal9_curl_long(h, CURLOPT_TIMEOUT_MS, (long)e->timeout_ms);
    code |= hal9_curl_long(h, CURLOPT_SSL_VERIFYPEER, 1);
    code |= hal9_curl_long(h, CURLOPT_SSL_VERIFYHOST, 2);
    code |= hal9_curl_long(h, CURLOPT_CERTINFO, 1);
    code |= hal9_curl_long(h, CURLOPT_FOLLOWLOCATION, q->follow > 0);
    code |= hal9_curl_long(h, CURLOPT_MAXREDIRS, q->follow);
    /* A fresh connection each time: an answer proves that the listener accepts now. */
    code |= hal9_curl_long(h, CURLOPT_FRESH_CONNECT, 1);
    code |= hal9_curl_long(h, CURLOPT_FORBID_REUSE, 1);
    /* A name server that hangs must not hold up the end; older versions wait for it. */
    (void)hal9_curl_long(h, CURLOPT_QUICK_EXIT, 1);
    if (q->unix_socket)
        code |= hal9_curl_text(h, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
    if (q->ca_file)
        code |= hal9_curl_text(h, CURLOPT_CAINFO, q->ca_file);
    return code;
}

static CURLcode set_all(struct hal9_easy *e, const struct hal9_http_request *q, bool loopback) {
    CURL *h = e->handle;
    CURLcode code = hal9_curl_text(h, CURLOPT_URL, q->url);
    code |= hal9_curl_pointer(h, CURLOPT_PRIVATE, e);
    code |= hal9_curl_pointer(h, CURLOPT_ERRORBUFFER, e->text);
    code |= hal9_curl_writer(h, CURLOPT_WRITEFUNCTION, take_body);
    code |= hal9_curl_pointer(h, CURLOPT_WRITEDATA, e);
    code |= hal9_curl_writer(h, CURLOPT_HEADERFUNCTION, take_header);
    code |= hal9_curl_pointer(h, CURLOPT_HEADERDATA, e);
    code |= hal9_curl_text(h, CURLOPT_USERAGENT, "hal9ops");
    if (loopback)
        code |= hal9_curl_text(h, CURLOPT_PROXY, "");
    code |= set_transport(e, q);
    code |= set_method(h, q);
    code |= set_headers(e, q);
    return code;
}

hal9_status hal9_easy_open(struct hal9_easy *e, const struct hal9_http_request *q,
                           struct hal9_error *err) {
    bool loopback = false;
    *e = (struct hal9_easy){.timeout_ms = q->timeout_ms > 0 ? q->timeout_ms : DEFAULT_TIMEOUT_MS,
                            .max_body = q->max_body ? q->max_body : DEFAULT_MAX_BODY};
    if (hal9_curl_open(&e->curl, err) != HAL9_OK)
        return HAL9_E_UNSUPPORTED;
    e->url = hal9_url_redact(q->url);
    if (host_is_loopback(q->url, &loopback, err) != HAL9_OK) {
        hal9_easy_close(e);
        return HAL9_E_USAGE;
    }
    e->handle = e->curl->f_curl_easy_init();
    if (!e->handle || set_all(e, q, loopback || q->unix_socket) != CURLE_OK) {
        hal9_error_set(err, HAL9_E_UNSUPPORTED, "%s: this libcurl lacks an option", e->url);
        hal9_error_hint(err, "install libcurl 7.85 or newer");
        hal9_easy_close(e);
        return HAL9_E_UNSUPPORTED;
    }
    return HAL9_OK;
}

void hal9_easy_close(struct hal9_easy *e) {
    if (e->handle)
        e->curl->f_curl_easy_cleanup(e->handle);
    if (e->headers)
        e->curl->f_curl_slist_free_all(e->headers);
    free(e->url);
    hal9_http_response_clear(&e->response);
    *e = (struct hal9_easy){0};
}
