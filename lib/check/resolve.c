/* getaddrinfo() in a thread of its own: libuv's would have to be waited for when a name server hangs. */
#include "check/resolve.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/cleanup.h"

/* What the thread and the loop share; whoever lets go last frees it. */
struct query {
    pthread_mutex_t mutex;
    struct hal9_resolve *asker; /* NULL: nobody waits any more */
    bool finished;
    char *host;
    char port[8];
    struct addrinfo hints, *list;
    int code;
};
struct hal9_resolve {
    uv_async_t async;
    struct query *query;
    void (*done)(void *data, struct addrinfo *list, const char *why);
    void *data;
};

static void free_query(struct query *q) {
    if (q->list)
        freeaddrinfo(q->list);
    pthread_mutex_destroy(&q->mutex);
    free(q->host);
    free(q);
}

static void ask(struct query *q) {
    q->code = getaddrinfo(q->host, q->port, &q->hints, &q->list);
}

static void *thread_main(void *data) {
    struct query *q = data;
    ask(q);
    pthread_mutex_lock(&q->mutex);
    q->finished = true;
    const bool wanted = q->asker;
    if (wanted)
        uv_async_send(&q->asker->async);
    pthread_mutex_unlock(&q->mutex);
    if (!wanted)
        free_query(q);
    return NULL;
}

static void on_closed(uv_handle_t *h) {
    free(h->data);
}

/* Lets go of the query; the thread frees it when it still runs. */
static void leave(struct hal9_resolve *r) {
    pthread_mutex_lock(&r->query->mutex);
    r->query->asker = NULL;
    const bool finished = r->query->finished;
    pthread_mutex_unlock(&r->query->mutex);
    if (finished)
        free_query(r->query);
    uv_close((uv_handle_t *)&r->async, on_closed);
}

static void on_async(uv_async_t *a) {
    struct hal9_resolve *r = a->data;
    struct addrinfo *list = HAL9_TAKE_PTR(r->query->list);
    const int code = r->query->code;
    void (*done)(void *, struct addrinfo *, const char *) = r->done;
    void *data = r->data;
    leave(r);
    done(data, code == 0 ? list : NULL, code == 0 ? NULL : gai_strerror(code));
}

static bool start_thread(struct query *q) {
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    const int code = pthread_create(&thread, &attr, thread_main, q);
    pthread_attr_destroy(&attr);
    return code == 0;
}

struct hal9_resolve *
hal9_resolve_start(struct uv_loop_s *loop, const char *host, uint16_t port, int socktype,
                   void (*done)(void *data, struct addrinfo *list, const char *why), void *data) {
    struct hal9_resolve *r = hal9_alloc(sizeof(*r));
    struct query *q = r->query = hal9_alloc(sizeof(*q));
    r->done = done;
    r->data = data;
    q->asker = r;
    q->host = hal9_strdup(host);
    snprintf(q->port, sizeof(q->port), "%u", port);
    pthread_mutex_init(&q->mutex, NULL);
    uv_async_init(loop, &r->async, on_async);
    r->async.data = r;
    /* An address needs no thread. */
    q->hints =
        (struct addrinfo){.ai_socktype = socktype, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    ask(q);
    q->finished = q->code == 0;
    if (!q->finished) {
        q->hints.ai_flags = AI_NUMERICSERV;
        if (start_thread(q))
            return r;
        q->finished = true;
        q->code = EAI_AGAIN;
    }
    uv_async_send(&r->async);
    return r;
}

void hal9_resolve_cancel(struct hal9_resolve *r) {
    if (r)
        leave(r);
}
