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
    struct hal9_http_call *calls;
    unsigned handles; /* of libuv that have not closed yet; the pool goes with the last */
    bool dispatching; /* done callbacks run: the pool may be freed by one of them */
    bool freed;
};

struct hal9_http_call {
    struct hal9_easy easy;
    struct hal9_http_pool *pool;
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

static void unlink_call(struct hal9_http_call *c) {
    if (c->before)
        c->before->next = c->next;
    else
        c->pool->calls = c->next;
    if (c->next)
        c->next->before = c->before;
}

static void free_call(struct hal9_http_call *c) {
    unlink_call(c);
    c->pool->curl->f_curl_multi_remove_handle(c->pool->multi, c->easy.handle);
    hal9_easy_close(&c->easy);
    free(c);
}

static void end_call(struct hal9_http_call *c, CURLcode code) {
    _cleanup_error_ struct hal9_error err = {0};
    void (*done)(void *, const struct hal9_http_response *, const struct hal9_error *) = c->done;
    void *data = c->data;
    hal9_easy_finish(&c->easy, code, &err);
    struct hal9_http_response response = c->easy.response;
    c->easy.response = (struct hal9_http_response){0};
    free_call(c); /* first: done may free the pool */
    done(data, &response, &err);
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
            end_call((void *)hal9_curl_info_text(m->easy_handle, CURLINFO_PRIVATE), code);
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

hal9_status hal9_http_start(struct hal9_http_pool *p, const struct hal9_http_request *q,
                            void (*done)(void *data, const struct hal9_http_response *r,
                                         const struct hal9_error *e),
                            void *data, struct hal9_http_call **ret, struct hal9_error *err) {
    struct hal9_http_call *c = hal9_alloc(sizeof(*c));
    hal9_status status = hal9_easy_open(&c->easy, q, err);
    if (status != HAL9_OK) {
        free(c);
        return status;
    }
    c->pool = p;
    c->done = done;
    c->data = data;
    c->next = p->calls;
    if (c->next)
        c->next->before = c;
    p->calls = c;
    *ret = c;
    /* The answer is never told from here: libcurl only sets its timer. */
    p->curl->f_curl_multi_add_handle(p->multi, c->easy.handle);
    return HAL9_OK;
}

void hal9_http_cancel(struct hal9_http_call *c) {
    if (c)
        free_call(c);
}

static void on_timer_closed(uv_handle_t *h) {
    forget_handle(h->data);
}

static void shut(struct hal9_http_pool *p) {
    for (struct hal9_http_call *c = p->calls, *next; c; c = next) {
        next = c->next;
        free_call(c);
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
