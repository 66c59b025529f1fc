/* A child in the loop. */
#include "check/kid.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/cleanup.h"
#include "sys/fault.h"

struct stream {
    uv_poll_t poll;
    struct hal9_kid *kid;
    int fd; /* -1: none, or at its end */
    bool open;
};
struct hal9_kid {
    struct hal9_child child;
    struct stream exit, out[2];
    struct hal9_kid_result result;
    size_t max;
    unsigned handles; /* that have not closed yet, and one while it is watched */
    void (*done)(void *data, const struct hal9_kid_result *result);
    void *data;
};

/* Children that were killed but hang in the kernel: taken from the process table when a later check finds them ended. */
static pthread_mutex_t left_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    pid_t *v;
    size_t n, cap;
} left;

static void reap_left(pid_t add) {
    pthread_mutex_lock(&left_mutex);
    if (add > 0)
        *HAL9_APPEND(left.v, left.n, left.cap) = add;
    for (size_t i = left.n; i-- > 0;)
        if (waitpid(left.v[i], NULL, WNOHANG) != 0)
            left.v[i] = left.v[--left.n];
    if (left.n == 0) {
        free(left.v);
        left.v = NULL;
        left.cap = 0;
    }
    pthread_mutex_unlock(&left_mutex);
}

static void drop(struct hal9_kid *k) {
    if (--k->handles > 0)
        return;
    for (int i = 0; i < 2; i++)
        hal9_buf_free(&k->result.out[i]);
    free(k);
}

static void on_closed(uv_handle_t *h) {
    drop(((struct stream *)h->data)->kid);
}

static void close_stream(struct stream *s) {
    if (!s->open)
        return;
    s->open = false;
    uv_poll_stop(&s->poll);
    if (s->fd >= 0)
        close(s->fd);
    uv_close((uv_handle_t *)&s->poll, on_closed);
}

static void close_all(struct hal9_kid *k) {
    k->exit.fd = -1; /* the child's descriptor is hal9_child_clear()'s */
    close_stream(&k->exit);
    close_stream(&k->out[0]);
    close_stream(&k->out[1]);
}

/* Reads what is there; what is over max is dropped. False at the end. */
static bool drain(struct stream *s, struct hal9_buf *to) {
    char bytes[16384];
    for (;;) {
        const ssize_t n = read(s->fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        const size_t room = s->kid->max - to->len;
        hal9_buf_add(to, bytes, (size_t)n < room ? (size_t)n : room);
    }
}

static void on_output(uv_poll_t *p, int status, int events) {
    struct stream *s = p->data;
    (void)status;
    (void)events;
    if (!drain(s, &s->kid->result.out[s - s->kid->out]))
        close_stream(s);
}

/* A grandchild may hold the output open for ever: the child's end is the end. */
static void on_end(uv_poll_t *p, int status, int events) {
    struct hal9_kid *k = ((struct stream *)p->data)->kid;
    (void)status;
    (void)events;
    for (int i = 0; i < 2; i++)
        if (k->out[i].open)
            drain(&k->out[i], &k->result.out[i]);
    if (hal9_child_wait(&k->child, hal9_mono_ms() + 1000, -1, &k->result.exit, NULL) != HAL9_OK)
        k->result.exit = 255;
    uv_poll_stop(&k->exit.poll);
    k->done(k->data, &k->result);
    close_all(k);
    hal9_child_clear(&k->child);
    drop(k);
}

static void open_stream(uv_loop_t *loop, struct hal9_kid *k, struct stream *s, int fd,
                        uv_poll_cb on_event) {
    s->kid = k;
    s->fd = fd;
    if (fd < 0)
        return;
    if (uv_poll_init(loop, &s->poll, fd) != 0) {
        close(fd);
        return;
    }
    s->poll.data = s;
    s->open = true;
    k->handles++;
    uv_poll_start(&s->poll, UV_READABLE | UV_DISCONNECT, on_event);
}

struct hal9_kid *hal9_kid_watch(struct uv_loop_s *loop, struct hal9_child *child, int out, int err,
                                size_t max,
                                void (*done)(void *data, const struct hal9_kid_result *result),
                                void *data) {
    struct hal9_kid *k = hal9_alloc(sizeof(*k));
    reap_left(0);
    k->child = *child;
    *child = (struct hal9_child)HAL9_CHILD_INIT;
    k->handles = 1;
    k->max = max;
    k->done = done;
    k->data = data;
    open_stream(loop, k, &k->exit, k->child.fd, on_end);
    for (int i = 0; i < 2; i++)
        if ((i ? err : out) >= 0)
            fcntl(i ? err : out, F_SETFL, O_NONBLOCK);
    open_stream(loop, k, &k->out[0], out, on_output);
    open_stream(loop, k, &k->out[1], err, on_output);
    return k;
}

void hal9_kid_kill(struct hal9_kid *k) {
    int code;
    if (!k)
        return;
    const pid_t pid = k->child.id.pid;
    hal9_sys_end_child(-pid);
    hal9_sys_end_child(pid); /* where it has not got its own session yet */
    close_all(k);
    const bool ended = hal9_child_wait(&k->child, hal9_mono_ms() + 20, -1, &code, NULL) == HAL9_OK;
    hal9_child_clear(&k->child);
    if (!ended)
        reap_left(pid);
    drop(k);
}
