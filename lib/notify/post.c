/* A record by POST: sent again where that helps within the time, and what became of it in words that
 * hold no secret. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"

#define ANSWER_MAX ((size_t)64 * 1024)
#define ANSWER_SHOWN 200
#define PIECE_MIN 6
#define AFTER_MAX_MS (INT64_C(60) * 60 * 1000)

/* Where it goes, without what may be secret: path and query of a webhook's URL often are. */
static char *origin(const char *url) {
    struct hal9_url u = {0};
    if (hal9_url_parse(url, &u, NULL) != HAL9_OK)
        return hal9_strdup("its URL");
    char *text = hal9_strdup(u.host);
    hal9_url_clear(&u);
    return text;
}

/* All of text with each `secret` in it replaced. */
static char *without(const char *text, const char *secret, size_t len) {
    struct hal9_buf b = {0};
    while (*text) {
        if (len > 0 && strncmp(text, secret, len) == 0) {
            hal9_buf_puts(&b, "***");
            text += len;
        } else
            hal9_buf_putc(&b, *text++);
    }
    return hal9_buf_take(&b);
}

/* Without the pieces of the URL behind its host that are long enough to be secrets: many webhooks have
 * no other. */
static char *without_pieces(char *text, const char *url) {
    const char *host = strstr(url, "://");
    for (const char *at = host ? host + 3 + strcspn(host + 3, "/?#") : ""; *at;) {
        const size_t len = strcspn(at, "/?&=#");
        if (len >= PIECE_MIN) {
            char *shorter = without(text, at, len);
            free(text);
            text = shorter;
        }
        at += len + strspn(at + len, "/?&=#");
    }
    return text;
}

/* What the receiver said of it: it may have sent back anything that it got. */
static char *shown(const struct hal9_buf *body, const char *secret, const char *url) {
    if (body->len == 0)
        return hal9_strdup("");
    _cleanup_free_ char *clean =
        without_pieces(without(body->data, secret, secret ? strlen(secret) : 0), url);
    _cleanup_buf_ struct hal9_buf words = {0};

    hal9_redact_text(NULL, clean, strlen(clean), &words);
    words.data[hal9_utf8_cut(words.data, ANSWER_SHOWN)] = '\0';
    return hal9_strf(": %s", words.data);
}

/* libcurl's words begin with the URL. */
static char *error_words(const char *url, const struct hal9_error *e) {
    _cleanup_free_ char *host = origin(url);
    _cleanup_free_ char *told = hal9_url_redact(url);
    const char *message = e->message ? e->message : hal9_status_name(e->code);
    _cleanup_free_ char *text = without_pieces(without(message, told, strlen(told)), url);
    const char *rest = hal9_startswith(text, "***: ") ? text + strlen("***: ") : text;
    return hal9_strf("%s: %s", host, rest);
}

static void judge(hal9_status status, int tries, const struct hal9_http_response *a,
                  struct hal9_outcome *ret) {
    if (tries == 0 || status == HAL9_E_INTERRUPTED) {
        ret->how = HAL9_OUT_UNTRIED;
        return;
    }
    switch (hal9_http_classify(status, a)) {
    case HAL9_HTTP_DONE:
        ret->how = HAL9_OUT_SENT;
        return;
    case HAL9_HTTP_LATER:
        ret->how = HAL9_OUT_LATER;
        break;
    default:
        ret->how = HAL9_OUT_NEVER;
    }
    ret->all = status == HAL9_OK && a->status == 429;
    if (status == HAL9_OK)
        ret->after_ms = hal9_http_retry_after(a);
    if (ret->after_ms > AFTER_MAX_MS)
        ret->after_ms = AFTER_MAX_MS;
}

void hal9_notify_post(const struct hal9_delivery *d, const char *url, const char *authorization,
                      const char *body, const char *secret, struct hal9_outcome *ret) {
    _cleanup_free_ char *key = hal9_strf("Idempotency-Key: %s", d->item->told.id);
    const char *headers[] = {"Content-Type: application/json", key, authorization, NULL};
    const struct hal9_http_request q = {.url = url,
                                        .headers = headers,
                                        .data = body,
                                        .data_len = strlen(body),
                                        .max_body = ANSWER_MAX,
                                        .keyed = true};
    const struct hal9_retry how = {.deadline_ms = d->deadline_ms, .breaker = d->breaker};
    struct hal9_http_response a = {0};
    _cleanup_error_ struct hal9_error e = {0};
    int tries = 0;
    hal9_status status = hal9_http_retry(&q, &how, d->cancel_fd, &a, &tries, &e);
    judge(status, tries, &a, ret);
    if (status != HAL9_OK) {
        ret->reason = error_words(url, &e);
        if (tries == 0 && hal9_http_classify(status, &a) == HAL9_HTTP_FINAL)
            ret->how = HAL9_OUT_NEVER;
    } else if (ret->how != HAL9_OUT_SENT) {
        _cleanup_free_ char *host = origin(url);
        _cleanup_free_ char *said = shown(&a.body, secret, url);
        ret->reason = hal9_strf("%s answers %d%s", host, a.status, said);
    }
    hal9_http_response_clear(&a);
}
