/* What became of an HTTP exchange: the peer, the certificate, and failures in classes of our own.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/easy.h"

enum hal9_http_failure hal9_easy_failure(CURLcode code, int os_error) {
    switch (code) {
    case CURLE_OK:
        return HAL9_HTTP_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HAL9_HTTP_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        /* A socket file that is not there is a port that nobody listens on. */
        if (os_error == ECONNREFUSED || os_error == ENOENT)
            return HAL9_HTTP_REFUSED;
        return os_error == ETIMEDOUT ? HAL9_HTTP_TIMEOUT : HAL9_HTTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HAL9_HTTP_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        return HAL9_HTTP_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: the scheme was looked at before */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return HAL9_HTTP_PROTOCOL;
    default:
        return HAL9_HTTP_OTHER;
    }
}

static char *address_text(const char *ip, long port) {
    if (!ip || !*ip)
        return NULL;
    return hal9_strf(strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld", ip, port);
}

static char *leaf_fingerprint(CURL *handle) {
    const struct curl_certinfo *info = hal9_curl_info_certificates(handle);
    if (!info || info->num_of_certs < 1)
        return NULL;
    for (const struct curl_slist *s = info->certinfo[0]; s; s = s->next)
        if (hal9_startswith(s->data, "Cert:"))
            return hal9_pem_fingerprint(s->data);
    return NULL;
}

static void fill_facts(struct hal9_easy *e) {
    struct hal9_http_response *r = &e->response;
    CURL *h = e->handle;
    const char *url = hal9_curl_info_text(h, CURLINFO_EFFECTIVE_URL);
    r->status = (int)hal9_curl_info_long(h, CURLINFO_RESPONSE_CODE);
    r->final_url = hal9_url_redact(url ? url : e->url);
    r->peer = address_text(hal9_curl_info_text(h, CURLINFO_PRIMARY_IP),
                           hal9_curl_info_long(h, CURLINFO_PRIMARY_PORT));
    r->local = address_text(hal9_curl_info_text(h, CURLINFO_LOCAL_IP),
                            hal9_curl_info_long(h, CURLINFO_LOCAL_PORT));
    r->us = hal9_curl_info_us(h, CURLINFO_TOTAL_TIME_T);
    r->connect_us = hal9_curl_info_us(h, CURLINFO_CONNECT_TIME_T);
    r->certificate = leaf_fingerprint(h);
}

/* libcurl's words, or those of the code. */
static const char *detail_text(const struct hal9_easy *e, CURLcode code) {
    if (e->headers_too_large)
        return "more than 256 KiB of headers";
    return e->text[0] ? e->text : e->curl->f_curl_easy_strerror(code);
}

static hal9_status tell_failure(const struct hal9_easy *e, CURLcode code, int os_error,
                                struct hal9_error *err) {
    _cleanup_free_ char *span = hal9_span_text(e->timeout_ms);
    switch (e->response.failure) {
    case HAL9_HTTP_RESOLVE:
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "%s: the host's name is not known", e->url);
    case HAL9_HTTP_REFUSED:
        hal9_error_set(err, HAL9_E_IO, "%s: connection refused: nothing listens there", e->url);
        break;
    case HAL9_HTTP_CONNECT:
        hal9_error_set(err, HAL9_E_IO, "%s: cannot connect: %s", e->url,
                       os_error ? strerror(os_error) : detail_text(e, code));
        break;
    case HAL9_HTTP_TIMEOUT:
        return hal9_error_set(err, HAL9_E_TIMEOUT, "%s: no whole answer within %s", e->url, span);
    case HAL9_HTTP_TLS:
        hal9_error_set(err, HAL9_E_PROTOCOL, "%s: TLS failed: %s", e->url, detail_text(e, code));
        return HAL9_E_PROTOCOL;
    case HAL9_HTTP_PROTOCOL:
        return hal9_error_set(err, HAL9_E_PROTOCOL, "%s: not a whole HTTP answer: %s", e->url,
                              detail_text(e, code));
    default:
        hal9_error_set(err, HAL9_E_IO, "%s: %s", e->url, detail_text(e, code));
    }
    if (err)
        err->errnum = os_error;
    return HAL9_E_IO;
}

hal9_status hal9_easy_finish(struct hal9_easy *e, CURLcode code, struct hal9_error *err) {
    const int os_error = (int)hal9_curl_info_long(e->handle, CURLINFO_OS_ERRNO);
    fill_facts(e);
    /* Cut on purpose, and one redirect more than wanted: answers all the same. */
    if (code == CURLE_WRITE_ERROR && e->response.truncated)
        code = CURLE_OK;
    if (code == CURLE_TOO_MANY_REDIRECTS && e->response.status >= 300)
        code = CURLE_OK;
    if (e->headers_too_large)
        code = CURLE_WEIRD_SERVER_REPLY;
    e->response.failure = hal9_easy_failure(code, os_error);
    if (code == CURLE_OK)
        return HAL9_OK;
    return tell_failure(e, code, os_error, err);
}
