/* One exchange with a balancer's admin API. */
#include "balancer/api.h"

#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"

#define CALL_MS 5000
#define MAX_BODY ((size_t)8 * 1024 * 1024)
#define MAX_HEADERS 5

static const char *method_of(const struct bal_api_call *c) {
    return c->method ? c->method : "GET";
}

static hal9_status add_token(const struct hal9_balancer_spec *b, char **ret,
                             struct hal9_error *err) {
    char *secret = NULL;
    hal9_status st;

    if (!b->token)
        return HAL9_OK;
    st = hal9_secret_read(b->token, &secret, err);
    if (st == HAL9_OK)
        *ret = hal9_strf("Authorization: Bearer %s", secret);
    hal9_secret_free(secret);
    return st;
}

/* What an answer that is no answer of the API means. */
static hal9_status judge(const struct hal9_balancer_spec *b, const struct bal_api_call *c,
                         const struct hal9_http_response *r, struct hal9_error *err) {
    if (r->status == 401 || r->status == 403) {
        hal9_error_set(err, HAL9_E_PERM, "balancer %s: %s %s answers %d", b->name, method_of(c),
                       c->path, r->status);
        hal9_error_hint(err, b->token ? "its token does not do" : "give it a token in hal9.yaml");
        return HAL9_E_PERM;
    }
    if (r->status < 500 && r->status != 429 && r->status >= 200)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_UNKNOWN, "balancer %s: %s %s answers %d", b->name, method_of(c),
                   c->path, r->status);
    return HAL9_E_UNKNOWN;
}

static hal9_status send(const struct hal9_balancer_spec *b, const struct bal_api_call *c,
                        const char *url, int cancel_fd, struct hal9_http_response *ret,
                        struct hal9_error *err) {
    char *token = NULL;
    _cleanup_free_ char *match = c->match ? hal9_strf("If-Match: %s", c->match) : NULL;
    _cleanup_free_ char *body = c->body ? hal9_json_text(c->body) : NULL;
    const char *headers[MAX_HEADERS] = {NULL};
    size_t n = 0;
    hal9_status st = add_token(b, &token, err);

    if (st != HAL9_OK)
        return st;
    if (token)
        headers[n++] = token;
    if (match)
        headers[n++] = match;
    if (body)
        headers[n++] = "Content-Type: application/json";
    const struct hal9_http_request q = {.method = method_of(c),
                                        .url = url,
                                        .headers = headers,
                                        .data = body,
                                        .data_len = body ? strlen(body) : 0,
                                        .timeout_ms = CALL_MS,
                                        .max_body = MAX_BODY};
    const struct hal9_retry how = {.attempts = 3, .deadline_ms = hal9_mono_ms() + 3 * CALL_MS};

    st = hal9_http_retry(&q, &how, cancel_fd, ret, NULL, err);
    hal9_secret_free(token);
    return st;
}

hal9_status bal_api(const struct hal9_balancer_spec *b, const struct bal_api_call *c, int cancel_fd,
                    struct hal9_http_response *ret, struct hal9_error *err) {
    const size_t len = strlen(c->url);
    _cleanup_free_ char *url = hal9_strf(
        "%.*s%s", (int)(len > 0 && c->url[len - 1] == '/' ? len - 1 : len), c->url, c->path);
    struct hal9_http_response r = {0};
    struct hal9_error why = {0};
    hal9_status st = send(b, c, url, cancel_fd, &r, &why);

    if (st == HAL9_OK) {
        st = judge(b, c, &r, err);
    } else if (st == HAL9_E_INTERRUPTED || !why.message) {
        st = hal9_error_move(err, &why);
    } else {
        _cleanup_free_ char *shown = hal9_url_redact(c->url);

        st = st == HAL9_E_PERM || st == HAL9_E_CONFIG || st == HAL9_E_NOT_FOUND ? st
                                                                                : HAL9_E_UNKNOWN;
        hal9_error_set(err, st, "balancer %s at %s can't be asked: %s", b->name, shown,
                       why.message);
        if (why.hint)
            hal9_error_hint(err, "%s", why.hint);
        hal9_error_clear(&why);
    }
    if (st == HAL9_OK)
        *ret = r;
    else
        hal9_http_response_clear(&r);
    return st;
}

hal9_status bal_api_json(const struct hal9_balancer_spec *b, const struct bal_api_call *c,
                         const struct hal9_http_response *r, cJSON **ret, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error why = {0};

    if (r->truncated)
        return hal9_error_set(err, HAL9_E_LIMIT, "balancer %s: %s answers more than %zu MiB",
                              b->name, c->path, MAX_BODY >> 20);
    if (hal9_json_parse(r->body.data, r->body.len, ret, &why) == HAL9_OK)
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_PROTOCOL, "balancer %s: %s answers no JSON: %s", b->name,
                          c->path, why.message);
}

hal9_status bal_api_refused(const struct hal9_balancer_spec *b, const struct bal_api_call *c,
                            const struct hal9_http_response *r, struct hal9_error *err) {
    const size_t len = r->body.len < 300 ? r->body.len : 300;

    return hal9_error_set(err, HAL9_E_FAILED, "balancer %s: %s %s answers %d: %.*s", b->name,
                          method_of(c), c->path, r->status, (int)len,
                          r->body.data ? r->body.data : "");
}

bool bal_api_local(const char *url, uint16_t *ret_port) {
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    struct hal9_addr addr;

    if (hal9_url_parse(url, &u, NULL) != HAL9_OK)
        return false;
    *ret_port = u.port;
    return strcmp(u.host, "localhost") == 0 ||
           (hal9_addr_of_text(u.host, &addr) && hal9_addr_of_host(&addr));
}
