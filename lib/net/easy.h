/* One HTTP exchange on a libcurl easy handle: what http.c and http-pool.c have in common. */
#ifndef HAL9_NET_EASY_H
#define HAL9_NET_EASY_H

#include "hal9ops/net.h"
#include "net/curl.h"

struct hal9_easy {
    const struct hal9_curl *curl;
    CURL *handle;
    struct curl_slist *headers;
    char *url; /* as messages may show it: without a password */
    int64_t timeout_ms;
    size_t max_body;
    size_t header_bytes;
    bool headers_too_large;
    char text[CURL_ERROR_SIZE]; /* libcurl's own words about a failure */
    struct hal9_http_response response;
};

/* Makes the handle; everything of q is copied. CURLOPT_PRIVATE is e, which must not move after it.
 */
hal9_status hal9_easy_open(struct hal9_easy *e, const struct hal9_http_request *q,
                           struct hal9_error *err);
/* Fills the response with what became of the exchange. */
hal9_status hal9_easy_finish(struct hal9_easy *e, CURLcode code, struct hal9_error *err);
void hal9_easy_close(struct hal9_easy *e);

/* The class of a failure. os_error: errno of the failed connect, or 0. */
enum hal9_http_failure hal9_easy_failure(CURLcode code, int os_error);
/* SHA-256 of the DER bytes in a PEM block, in hex; NULL when there is none. Fresh. */
char *hal9_pem_fingerprint(const char *pem);

#endif
