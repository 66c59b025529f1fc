/* Many HTTP exchanges at once: libcurl's sockets and its one timeout, watched by a libuv loop. */
#include <string.h>
#include <uv.h>

#include "base/cleanup.h"
#include "net/easy.h"

struct hal9_http_pool {
    uv_loop_t *loop;
    const struct hal9_curl *curl;
    CURLM *multi;
    uv_timer_t timer;
    struct exchange *exchanges;
    unsigned handles; /* of libuv that have not closed yet; the pool goes with the last */
    bool dispatching; /* done callbacks run: the pool may be freed by one of them */
    bool freed;
};

/* One request on the wire, and all who wait for its answer: the call that began it, and identical ones
 * that came later and may share it. */
struct exchange {
    struct hal9_easy easy; /* first: libcurl's private pointer is this */
    struct hal9_http_pool *pool;
    struct exchange *next, *before;
    struct hal9_http_call *calls; /* in the order they came */
    char *identity;               /* what makes another request identical; NULL: not shared */
    bool ended;                   /* its answer is being told; no longer in the pool's list */
};

struct hal9_http_call {
    struct exchange *exchange;
    struct hal9_http_call *next, *before;
    void (*done)(void *data, const struct hal9_http_response *r, const struct hal9_error *e);
    void *data;
};

/* A socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct hal9_http_pool *pool;
    curl_socket_t fd;
};

static void forget_handle(struct hal9_http_pool *p) {
    if (--p->handles == 0)
        free(p);
}

static void add_call(struct exchange *x, struct hal9_http_call *c) {
    struct hal9_http_call *last = x->calls;
    while (last && last->next)
        last = last->next;
    c->exchange = x;
    c->before = last;
    if (last)
        last->next = c;
    else
        x->calls = c;
}

static void free_call(struct hal9_http_call *c) {
    if (c->before)
        c->before->next = c->next;
    else
        c->exchange->calls = c->next;
    if (c->next)
        c->next->before = c->before;
    free(c);
}

/* Off the wire and out of the pool; who waits for it stays. */
static void leave_pool(struct exchange *x) {
    if (x->before)
        x->before->next = x->next;
    else
        x->pool->exchanges = x->next;
    if (x->next)
        x->next->before = x->before;
    x->pool->curl->f_curl_multi_remove_handle(x->pool->multi, x->easy.handle);
    hal9_easy_close(&x->easy);
    x->ended = true;
}

/* The first that waits, out of the list; NULL when there is none. */
static struct hal9_http_call *take_first(struct exchange *x) {
    struct hal9_http_call *c = x->calls;
    if (c) {
        x->calls = c->next;
        if (c->next)
            c->next->before = NULL;
    }
    return c;
}

static void free_exchange(struct exchange *x) {
    for (struct hal9_http_call *c = take_first(x); c; c = take_first(x))
        free(c);
    free(x->identity);
    free(x);
}

static void end_exchange(struct exchange *x, CURLcode code) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_http_pool *p = x->pool;
    hal9_easy_finish(&x->easy, code, &err);
    struct hal9_http_response response = x->easy.response;
    x->easy.response = (struct hal9_http_response){0};
    leave_pool(x); /* first: done may free the pool */
    for (struct hal9_http_call *c; !p->freed && (c = take_first(x));) {
        c->done(c->data, &response, &err);
        free(c);
    }
    free_exchange(x);
    hal9_http_response_clear(&response);
}

static void shut(struct hal9_http_pool *p);

/* Tells the calls that have ended. */
static void dispatch(struct hal9_http_pool *p) {
    if (p->dispatching)
        return;
    p->dispatching = true;
    int left = 0;
    for (CURLMsg *m; !p->freed && (m = p->curl->f_curl_multi_info_read(p->multi, &left));) {
        const CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE)
            end_exchange((void *)hal9_curl_info_text(m->easy_handle, CURLINFO_PRIVATE), code);
    }
    p->dispatching = false;
    if (p->freed)
        shut(p);
}

static void act(struct hal9_http_pool *p, curl_socket_t fd, int events) {
    int running = 0;
    p->curl->f_curl_multi_socket_action(p->multi, fd, events, &running);
    dispatch(p);
}

static void on_timer(uv_timer_t *t) {
    act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_events(uv_poll_t *poll, int status, int events) {
    const struct watch *w = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & (UV_READABLE | UV_DISCONNECT))
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(w->pool, w->fd, flags);
}

static void on_watch_closed(uv_handle_t *h) {
    struct watch *w = h->data;
    forget_handle(w->pool);
    free(w);
}

static struct watch *new_watch(struct hal9_http_pool *p, curl_socket_t fd) {
    struct watch *w = hal9_alloc(sizeof(*w));
    if (uv_poll_init_socket(p->loop, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->pool = p;
    w->fd = fd;
    w->poll.data = w;
    p->handles++;
    p->curl->f_curl_multi_assign(p->multi, fd, w);
    return w;
}

/* libcurl wants to know other things of a socket; it tells before it closes it. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *own, void *socket_own) {
    struct hal9_http_pool *p = own;
    struct watch *w = socket_own;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!w)
            return 0;
        uv_poll_stop(&w->poll); /* now: the number may be another socket's by the next turn */
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        p->curl->f_curl_multi_assign(p->multi, fd, NULL);
        return 0;
    }
    if (!w && !(w = new_watch(p, fd)))
        return -1;
    uv_poll_start(&w->poll,
                  (what & CURL_POLL_IN ? UV_READABLE : 0) |
                      (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_events);
    return 0;
}

static int on_timeout_change(CURLM *multi, long timeout_ms, void *own) {
    struct hal9_http_pool *p = own;
    (void)multi;
    if (p->freed)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&p->timer);
    else
        uv_timer_start(&p->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

hal9_status hal9_http_pool_new(struct uv_loop_s *loop, struct hal9_http_pool **ret,
                               struct hal9_error *err) {
    const struct hal9_curl *c = NULL;
    hal9_status status = hal9_curl_open(&c, err);
    if (status != HAL9_OK)
        return status;
    CURLM *multi = c->f_curl_multi_init();
    if (!multi)
        return hal9_error_set(err, HAL9_E_IO, "libcurl cannot make a multi handle");
    struct hal9_http_pool *p = hal9_alloc(sizeof(*p));
    p->loop = loop;
    p->curl = c;
    p->multi = multi;
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    p->handles = 1;
    c->f_curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    c->f_curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
    c->f_curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
    c->f_curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
    *ret = p;
    return HAL9_OK;
}

/* All that decides what the answer is; NULL: it must be asked for by itself. */
static char *identity_of(const struct hal9_http_request *q) {
    struct hal9_buf b = {0};
    if (!q->share || q->data || !hal9_http_repeatable(q))
        return NULL;
    hal9_buf_printf(&b, "%s\n%s\n%s\n%s\n%d\n%lld\n%zu\n", q->method ? q->method : "GET", q->url,
                    q->unix_socket ? q->unix_socket : "", q->ca_file ? q->ca_file : "", q->follow,
                    (long long)q->timeout_ms, q->max_body);
    for (size_t i = 0; q->headers && q->headers[i]; i++)
        hal9_buf_printf(&b, "%s\n", q->headers[i]);
    return hal9_buf_take(&b);
}

static struct exchange *find_identical(const struct hal9_http_pool *p, const char *identity) {
    for (struct exchange *x = identity ? p->exchanges : NULL; x; x = x->next)
        if (hal9_streq(x->identity, identity))
            return x;
    return NULL;
}

static hal9_status begin_exchange(struct hal9_http_pool *p, const struct hal9_http_request *q,
                                  char **identity, struct exchange **ret, struct hal9_error *err) {
    struct exchange *x = hal9_alloc(sizeof(*x));
    hal9_status status = hal9_easy_open(&x->easy, q, err);
    if (status != HAL9_OK) {
        free(x);
        return status;
    }
    x->pool = p;
    x->identity = HAL9_TAKE_PTR(*identity);
    x->next = p->exchanges;
    if (x->next)
        x->next->before = x;
    p->exchanges = x;
    /* The answer is never told from here: libcurl only sets its timer. */
    p->curl->f_curl_multi_add_handle(p->multi, x->easy.handle);
    *ret = x;
    return HAL9_OK;
}

hal9_status hal9_http_start(struct hal9_http_pool *p, const struct hal9_http_request *q,
                            void (*done)(void *data, const struct hal9_http_response *r,
                                         const struct hal9_error *e),
                            void *data, struct hal9_http_call **ret, struct hal9_error *err) {
    _cleanup_free_ char *identity = identity_of(q);
    struct exchange *x = find_identical(p, identity);
    hal9_status status = x ? HAL9_OK : begin_exchange(p, q, &identity, &x, err);
    if (status != HAL9_OK)
        return status;
    struct hal9_http_call *c = hal9_alloc(sizeof(*c));
    c->done = done;
    c->data = data;
    add_call(x, c);
    *ret = c;
    return HAL9_OK;
}

void hal9_http_cancel(struct hal9_http_call *c) {
    if (!c)
        return;
    struct exchange *x = c->exchange;
    free_call(c);
    if (x->calls || x->ended)
        return;
    leave_pool(x);
    free_exchange(x);
}

static void on_timer_closed(uv_handle_t *h) {
    forget_handle(h->data);
}

static void shut(struct hal9_http_pool *p) {
    for (struct exchange *x = p->exchanges, *next; x; x = next) {
        next = x->next;
        leave_pool(x);
        free_exchange(x);
    }
    p->curl->f_curl_multi_cleanup(p->multi);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

void hal9_http_pool_free(struct hal9_http_pool *p) {
    if (!p || p->freed)
        return;
    p->freed = true;
    if (!p->dispatching)
        shut(p);
}
