/*
 * hal9ops/net.h - peers: HTTP on libcurl, systemd through systemctl.
 *
 * Floor 1, above sys and doc. libcurl is opened at the first request.
 *
 *     struct hal9_http_request q = {.url = "http://127.0.0.1:8080/health", .timeout_ms = 2000};
 *     struct hal9_http_response a = {0};
 *     if (hal9_http(&q, -1, &a, &err) == HAL9_OK) printf("%d\n", a.status);
 */
#ifndef HAL9OPS_NET_H
#define HAL9OPS_NET_H

#include <hal9ops/base.h>

struct uv_loop_s;

struct hal9_http_request {
    const char *method; /* NULL: GET, or POST with data */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated, NULL-able */
    const void *data;
    size_t data_len;
    int follow;              /* redirects to follow; 0: a redirect is the answer */
    int64_t timeout_ms;      /* of the whole; 0: 10 s */
    size_t max_body;         /* more is cut and truncated set; 0: 1 MiB */
    const char *unix_socket; /* instead of TCP */
    const char *ca_file;     /* NULL: the system's; TLS is always verified */
    /* it has a key of its own, by which the peer knows it again: hal9_http_retry() may send it twice */
    bool keyed;
    /* an identical request that is under way in the pool may answer this one, too; its time counts from then. Without data alone */
    bool share;
};
enum hal9_http_failure {
    HAL9_HTTP_NONE,
    HAL9_HTTP_RESOLVE,
    HAL9_HTTP_REFUSED, /* nobody listens */
    HAL9_HTTP_CONNECT, /* unreachable, reset while connecting */
    HAL9_HTTP_TIMEOUT,
    HAL9_HTTP_TLS,
    HAL9_HTTP_PROTOCOL, /* not HTTP, cut off, empty reply */
    HAL9_HTTP_OTHER,
};
struct hal9_http_response {
    int status;
    struct hal9_strv headers; /* "name: value", name in lower case; of the last answer */
    struct hal9_buf body;
    bool truncated;
    char *final_url;
    char *peer;        /* "127.0.0.1:8080" */
    char *local;       /* "127.0.0.1:41234" */
    char *certificate; /* SHA-256 of the leaf in hex, or NULL */
    int64_t us;        /* until the last byte */
    int64_t connect_us;
    enum hal9_http_failure failure; /* set with an error, too */
};
/* Frees what it holds and zeroes it. */
HAL9_API void hal9_http_response_clear(struct hal9_http_response *r);
HAL9_API const char *hal9_http_header(const struct hal9_http_response *r,
                                      const char *name); /* NULL when missing; borrowed */

/* The parts of an http or https URL. */
struct hal9_url {
    bool tls;
    char *host;    /* a name or address; IPv6 without brackets */
    uint16_t port; /* 80 or 443 where none is written */
    char *path;    /* "/health", without query; at least "/" */
    bool password; /* it has one: user:password@ */
};
/* HAL9_E_USAGE with what is wrong: no scheme that is known, no host, a bad port, blanks. */
HAL9_API hal9_status hal9_url_parse(const char *url, struct hal9_url *ret, struct hal9_error *err);
HAL9_API void hal9_url_clear(struct hal9_url *u);
/* A URL as it may be shown: the password and query values that look like secrets replaced by ***. Fresh. */
HAL9_API char *hal9_url_redact(const char *url);

/* One request to its end. HAL9_OK for any HTTP status. cancel_fd as in hal9_wait_fd(). */
HAL9_API hal9_status hal9_http(const struct hal9_http_request *q, int cancel_fd,
                               struct hal9_http_response *ret, struct hal9_error *err);

/* Many at once in a libuv loop. */
struct hal9_http_pool;
struct hal9_http_call;
/* A pool in a loop that outlives it. HAL9_E_UNSUPPORTED: libcurl can't be opened here. */
HAL9_API hal9_status hal9_http_pool_new(struct uv_loop_s *loop, struct hal9_http_pool **ret,
                                        struct hal9_error *err);
/* done is called once from the loop, unless cancelled; r and e are borrowed (e->code HAL9_OK: an answer). */
HAL9_API hal9_status hal9_http_start(struct hal9_http_pool *p, const struct hal9_http_request *q,
                                     void (*done)(void *data, const struct hal9_http_response *r,
                                                  const struct hal9_error *e),
                                     void *data, struct hal9_http_call **ret,
                                     struct hal9_error *err);
HAL9_API void hal9_http_cancel(struct hal9_http_call *c);
/* Ends what runs, without calling done; run the loop once more to let handles close. */
HAL9_API void hal9_http_pool_free(struct hal9_http_pool *p);

/* ---- again, and not again -------------------------------------------------------------------------- */

enum hal9_http_class { HAL9_HTTP_DONE, HAL9_HTTP_LATER, HAL9_HTTP_FINAL };
/* What there is to do about an exchange: nothing, it is done (2xx); try again later (no answer, 408, 425, 429, 5xx); or never, the
 * peer will not have it (all else). status and r as hal9_http() left them. */
HAL9_API enum hal9_http_class hal9_http_classify(hal9_status status,
                                                 const struct hal9_http_response *r);
/* How long the peer asks to be left alone (Retry-After, RFC 9110 10.2.3: seconds or a date), in ms from now; -1: it doesn't say. */
HAL9_API int64_t hal9_http_retry_after(const struct hal9_http_response *r);
/* Whether the request may safely arrive twice: an idempotent method (RFC 9110 9.2.2), a key of its own, or an Idempotency-Key. */
HAL9_API bool hal9_http_repeatable(const struct hal9_http_request *q);
/* The pause after the n-th try (from 1): "full jitter", a random time between 0 and min(cap, base * 2^(n-1)). Source: M. Brooker,
 * Exponential Backoff And Jitter, AWS Architecture Blog, 2015. */
HAL9_API int64_t hal9_retry_pause(int64_t base_ms, int64_t cap_ms, int n);

struct hal9_breaker;
struct hal9_retry {
    int attempts;                 /* at most; 0: 3 */
    int64_t base_ms;              /* 0: 200 ms */
    int64_t cap_ms;               /* 0: 5 s */
    int64_t deadline_ms;          /* monotonic, for all tries and pauses together; 0: none */
    struct hal9_breaker *breaker; /* NULL-able: asked before each try, told after it */
};
/* As hal9_http(), and again where that is safe and may help: a request that isn't repeatable only when nothing can have arrived. Retry-After is
 * honoured; a pause that would not end before the deadline is not begun: then, and after the last try, the last outcome is the result. cancel_fd ends
 * pauses, too. HAL9_E_REFUSED: the breaker is open, nothing was sent. *ret_tries (NULL-able) counts what was sent, set on errors as well. */
HAL9_API hal9_status hal9_http_retry(const struct hal9_http_request *q,
                                     const struct hal9_retry *how, int cancel_fd,
                                     struct hal9_http_response *ret, int *ret_tries,
                                     struct hal9_error *err);

/* A circuit breaker: after so many failures in a row a peer is left alone for a while (open), then one request may try (half-open), and
 * decides. Never to stand before a probe. Its state lasts as long as the callbacks keep it, such as in a file between runs; they are asked
 * each time, so that several processes share it. Not for several threads at once. */
struct hal9_breaker_state {
    int64_t failures; /* in a row */
    int64_t since_ms; /* wall clock: when it opened, or when the last trial was let through */
};
enum hal9_breaker_mode { HAL9_BREAKER_CLOSED, HAL9_BREAKER_OPEN, HAL9_BREAKER_HALF_OPEN };
struct hal9_breaker_opts {
    int threshold;   /* failures in a row that open it; 0: 5 */
    int64_t cool_ms; /* how long it stays open; 0: 30 s */
    /* Fills *ret and returns true; false: nothing is known. Both NULL: it lasts as long as the object. */
    bool (*load)(void *data, struct hal9_breaker_state *ret);
    void (*save)(void *data, const struct hal9_breaker_state *s); /* only when it has changed */
    void *data;
};
/* Copies the options; data is borrowed. Asking for the mode changes nothing. */
HAL9_API struct hal9_breaker *hal9_breaker_new(const struct hal9_breaker_opts *o);
HAL9_API void hal9_breaker_free(struct hal9_breaker *b); /* NULL is allowed */
/* How it stands now: an open one whose cool-down is over is half open. */
HAL9_API enum hal9_breaker_mode hal9_breaker_mode(struct hal9_breaker *b);
/* Whether a request may go now. While it is half-open the first that asks is the trial, and all others wait for another cool-down, unless it
 * is told before. *ret_wait_ms (NULL-able): how long the peer is left alone. */
HAL9_API bool hal9_breaker_allow(struct hal9_breaker *b, int64_t *ret_wait_ms);
/* What became of a request that was let through. */
HAL9_API void hal9_breaker_tell(struct hal9_breaker *b, bool worked);

/* ---- systemd ------------------------------------------------------------------------------------- */

struct hal9_unit {
    char *name;   /* "layer9.service" */
    char *active; /* ActiveState */
    char *sub;
    char *cgroup;                  /* ControlGroup */
    pid_t main_pid;                /* 0: none */
    int64_t restart_ms;            /* RestartSec */
    char *restart;                 /* Restart= no, always, on-failure ... */
    char *exec_start;              /* path of the first ExecStart, or NULL */
    char *fragment;                /* the unit file, or NULL */
    struct hal9_strv triggered_by; /* sockets that would start it again */
    struct hal9_strv required_by;  /* what stops with it: RequiredBy, BoundBy, ConsistsOf */
};
/* Whether systemd is this host's PID 1. */
HAL9_API bool hal9_systemd_running(void);
/* HAL9_E_NOT_FOUND: not loaded; HAL9_E_UNSUPPORTED: no systemd here. */
HAL9_API hal9_status hal9_systemd_show(const char *unit, struct hal9_unit *ret,
                                       struct hal9_error *err);
HAL9_API void hal9_unit_clear(struct hal9_unit *u);
/* verb: start, stop, restart; waits for the job. HAL9_E_TIMEOUT leaves the job going on. */
HAL9_API hal9_status hal9_systemd_do(const char *verb, const char *unit, int64_t timeout_ms,
                                     int cancel_fd, struct hal9_error *err);

#endif
