/* HTTP requests sent again where that is safe: full jitter between tries, the peer's own wish
 * (Retry-After) before ours, one deadline for the whole. */
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "hal9ops/net.h"
#include "hal9ops/sys.h"

#define DEFAULT_ATTEMPTS 3
#define DEFAULT_BASE_MS 200
#define DEFAULT_CAP_MS 5000
#define DEFAULT_TIMEOUT_MS 10000 /* hal9_http()'s own */

enum hal9_http_class hal9_http_classify(hal9_status status, const struct hal9_http_response *r) {
    if (status == HAL9_E_USAGE || status == HAL9_E_UNSUPPORTED)
        return HAL9_HTTP_FINAL; /* a URL that is none, no libcurl */
    if (status != HAL9_OK)
        return HAL9_HTTP_LATER;
    if (r->status >= 200 && r->status < 300)
        return HAL9_HTTP_DONE;
    if (r->status >= 500 || r->status == 408 || r->status == 425 || r->status == 429)
        return HAL9_HTTP_LATER;
    return HAL9_HTTP_FINAL;
}

/* The digits of text at [from, from + n); -1 when one is none. */
static int digits(const char *text, int from, int n) {
    int value = 0;
    for (int i = from; i < from + n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + text[i] - '0';
    }
    return value;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), whatever the locale; -1 when it is something
 * else. */
static int64_t date_ms(const char *text) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char form[] = "---, -- --- ---- --:--:-- GMT";
    if (strlen(text) != strlen(form))
        return -1;
    for (size_t i = 0; form[i]; i++)
        if (form[i] != '-' && text[i] != form[i])
            return -1;
    const char month[4] = {text[8], text[9], text[10], '\0'};
    const char *at = strstr(months, month);
    struct tm t = {.tm_mday = digits(text, 5, 2),
                   .tm_year = digits(text, 12, 4) - 1900,
                   .tm_hour = digits(text, 17, 2),
                   .tm_min = digits(text, 20, 2),
                   .tm_sec = digits(text, 23, 2)};
    if (!at || (at - months) % 3 != 0 || t.tm_mday < 0 || t.tm_year < 0 || t.tm_hour < 0 ||
        t.tm_min < 0 || t.tm_sec < 0)
        return -1;
    t.tm_mon = (int)(at - months) / 3;
    return (int64_t)timegm(&t) * 1000;
}

int64_t hal9_http_retry_after(const struct hal9_http_response *r) {
    const char *text = hal9_http_header(r, "retry-after");
    int64_t seconds;
    if (!text)
        return -1;
    if (hal9_parse_int(text, 0, INT64_C(1000000000), &seconds, NULL) == HAL9_OK)
        return seconds * 1000;
    const int64_t at = date_ms(text);
    const int64_t now = hal9_now_ms();
    if (at < 0)
        return -1;
    return at > now ? at - now : 0;
}

bool hal9_http_repeatable(const struct hal9_http_request *q) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    if (q->keyed || (!q->method && !q->data))
        return true;
    for (size_t i = 0; q->method && i < HAL9_ARRAY_LEN(methods); i++)
        if (strcmp(q->method, methods[i]) == 0)
            return true;
    for (size_t i = 0; q->headers && q->headers[i]; i++)
        if (strncasecmp(q->headers[i], "Idempotency-Key:", strlen("Idempotency-Key:")) == 0)
            return true;
    return false;
}

/* 0 to max, both included. */
static int64_t random_up_to(int64_t max) {
    uint64_t bits;
    if (getentropy(&bits, sizeof(bits)) != 0)
        bits = (uint64_t)hal9_mono_us() * UINT64_C(6364136223846793005);
    return (int64_t)(bits % ((uint64_t)max + 1));
}

int64_t hal9_retry_pause(int64_t base_ms, int64_t cap_ms, int n) {
    int64_t top = base_ms < cap_ms ? base_ms : cap_ms;
    for (int i = 1; i < n && top < cap_ms; i++)
        top = top > cap_ms / 2 ? cap_ms : top * 2;
    return random_up_to(top > 0 ? top : 0);
}

/* A run of tries. */
struct run {
    const struct hal9_http_request *q;
    struct hal9_retry how;
    int cancel_fd;
    int tries;
};

/* Nothing can have arrived when no connection came to be. */
static bool may_repeat(const struct run *r, hal9_status status,
                       const struct hal9_http_response *a) {
    if (hal9_http_repeatable(r->q))
        return true;
    return status != HAL9_OK &&
           (a->failure == HAL9_HTTP_RESOLVE || a->failure == HAL9_HTTP_REFUSED ||
            a->failure == HAL9_HTTP_CONNECT);
}

static hal9_status refuse(const struct run *r, int64_t wait_ms, struct hal9_error *err) {
    _cleanup_free_ char *url = hal9_url_redact(r->q->url);
    _cleanup_free_ char *span = hal9_span_text(wait_ms);
    return hal9_error_set(err, HAL9_E_REFUSED, "%s has failed again and again; left alone for %s",
                          url, span);
}

/* One try, with what is left of the time. */
static hal9_status try_once(struct run *r, struct hal9_http_response *ret, struct hal9_error *err) {
    struct hal9_http_request q = *r->q;
    int64_t wait_ms;
    q.timeout_ms = q.timeout_ms > 0 ? q.timeout_ms : DEFAULT_TIMEOUT_MS;
    if (r->how.deadline_ms > 0) {
        const int64_t left = r->how.deadline_ms - hal9_mono_ms();
        if (left <= 0)
            return hal9_error_set(err, HAL9_E_TIMEOUT, "no time is left to ask");
        q.timeout_ms = left < q.timeout_ms ? left : q.timeout_ms;
    }
    if (r->how.breaker && !hal9_breaker_allow(r->how.breaker, &wait_ms))
        return refuse(r, wait_ms, err);
    r->tries++;
    hal9_status status = hal9_http(&q, r->cancel_fd, ret, err);
    /* A peer that says 429 is well, and a call that was broken off says nothing about it. */
    if (r->how.breaker && status != HAL9_E_INTERRUPTED)
        hal9_breaker_tell(r->how.breaker, hal9_http_classify(status, ret) != HAL9_HTTP_LATER ||
                                              (status == HAL9_OK && ret->status == 429));
    return status;
}

/* Whether it is worth another try now, and the moment for it (monotonic). */
static bool plan_next(const struct run *r, hal9_status status, const struct hal9_http_response *a,
                      int64_t *ret_at) {
    if (status == HAL9_E_INTERRUPTED || hal9_http_classify(status, a) != HAL9_HTTP_LATER)
        return false;
    if (r->tries >= r->how.attempts || !may_repeat(r, status, a))
        return false;
    if (r->how.breaker && hal9_breaker_mode(r->how.breaker) == HAL9_BREAKER_OPEN)
        return false;
    int64_t pause = hal9_retry_pause(r->how.base_ms, r->how.cap_ms, r->tries);
    const int64_t wish = status == HAL9_OK ? hal9_http_retry_after(a) : -1;
    pause = wish > pause ? wish : pause;
    *ret_at = hal9_mono_ms() + pause;
    return r->how.deadline_ms <= 0 || *ret_at < r->how.deadline_ms;
}

static hal9_status run_tries(struct run *r, struct hal9_http_response *ret,
                             struct hal9_error *err) {
    for (;;) {
        _cleanup_error_ struct hal9_error e = {0};
        struct hal9_http_response a = {0};
        int64_t at;
        const int before = r->tries;
        hal9_status status = try_once(r, &a, &e);
        if (r->tries == before || !plan_next(r, status, &a, &at)) {
            if (status != HAL9_OK)
                ret->failure = a.failure;
            else
                *ret = a;
            return status == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
        }
        hal9_http_response_clear(&a);
        status = hal9_wait_fd(-1, at, r->cancel_fd, err);
        if (status != HAL9_OK)
            return status;
    }
}

hal9_status hal9_http_retry(const struct hal9_http_request *q, const struct hal9_retry *how,
                            int cancel_fd, struct hal9_http_response *ret, int *ret_tries,
                            struct hal9_error *err) {
    struct run r = {.q = q, .how = *how, .cancel_fd = cancel_fd};
    if (r.how.attempts <= 0)
        r.how.attempts = DEFAULT_ATTEMPTS;
    if (r.how.base_ms <= 0)
        r.how.base_ms = DEFAULT_BASE_MS;
    if (r.how.cap_ms <= 0)
        r.how.cap_ms = DEFAULT_CAP_MS;
    hal9_status status = run_tries(&r, ret, err);
    if (ret_tries)
        *ret_tries = r.tries;
    return status;
}
