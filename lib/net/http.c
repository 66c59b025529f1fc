/* A blocking HTTP request, and what can be asked of any answer. */
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "net/easy.h"

void hal9_http_response_clear(struct hal9_http_response *r) {
    hal9_strv_free(&r->headers);
    hal9_buf_free(&r->body);
    free(r->final_url);
    free(r->peer);
    free(r->local);
    free(r->certificate);
    *r = (struct hal9_http_response){0};
}

const char *hal9_http_header(const struct hal9_http_response *r, const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < r->headers.n; i++)
        if (strncasecmp(r->headers.v[i], name, length) == 0 &&
            hal9_startswith(r->headers.v[i] + length, ": "))
            return r->headers.v[i] + length + 2;
    return NULL;
}

/* True when the transfer is over, *ret_code tells how. */
static bool take_end(const struct hal9_curl *c, CURLM *multi, CURLcode *ret_code) {
    int left = 0;
    const CURLMsg *m = c->f_curl_multi_info_read(multi, &left);
    if (!m || m->msg != CURLMSG_DONE)
        return false;
    *ret_code = m->data.result;
    return true;
}

/* Drives the one transfer to its end or until cancel_fd is readable. */
static hal9_status drive(const struct hal9_curl *c, CURLM *multi, int cancel_fd, CURLcode *ret_code,
                         struct hal9_error *err) {
    for (;;) {
        struct curl_waitfd extra = {.fd = cancel_fd, .events = CURL_WAIT_POLLIN};
        int running = 0;
        CURLMcode code = c->f_curl_multi_perform(multi, &running);
        if (code == CURLM_OK && take_end(c, multi, ret_code))
            return HAL9_OK;
        if (code == CURLM_OK)
            code = c->f_curl_multi_poll(multi, &extra, cancel_fd >= 0, 1000, NULL);
        if (code != CURLM_OK)
            return hal9_error_set(err, HAL9_E_IO, "libcurl: %s", c->f_curl_multi_strerror(code));
        if (extra.revents)
            return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
    }
}

static hal9_status exchange(struct hal9_easy *e, int cancel_fd, struct hal9_error *err) {
    const struct hal9_curl *c = e->curl;
    CURLcode code = CURLE_OK;
    CURLM *multi = c->f_curl_multi_init();
    if (!multi)
        return hal9_error_set(err, HAL9_E_IO, "libcurl cannot make a multi handle");
    c->f_curl_multi_add_handle(multi, e->handle);
    hal9_status status = drive(c, multi, cancel_fd, &code, err);
    if (status == HAL9_OK)
        status = hal9_easy_finish(e, code, err);
    else
        hal9_error_prefix(err, "%s", e->url);
    c->f_curl_multi_remove_handle(multi, e->handle);
    c->f_curl_multi_cleanup(multi);
    return status;
}

hal9_status hal9_http(const struct hal9_http_request *q, int cancel_fd,
                      struct hal9_http_response *ret, struct hal9_error *err) {
    struct hal9_easy e;
    hal9_status status = hal9_easy_open(&e, q, err);
    if (status != HAL9_OK) {
        ret->failure = HAL9_HTTP_OTHER;
        return status;
    }
    status = exchange(&e, cancel_fd, err);
    if (status == HAL9_OK) {
        *ret = e.response;
        e.response = (struct hal9_http_response){0};
    } else
        ret->failure = e.response.failure ? e.response.failure : HAL9_HTTP_OTHER;
    hal9_easy_close(&e);
    return status;
}
