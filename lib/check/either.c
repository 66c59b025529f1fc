/* The descriptor of an event loop is readable when one of the loop's is: that holds for epoll and kqueue. */
#include "check/either.h"

static void on_event(uv_poll_t *p, int status, int events) {
    (void)p;
    (void)status;
    (void)events;
}

hal9_status hal9_either_open(struct hal9_either *e, int a, int b, struct hal9_error *err) {
    const int fds[2] = {a, b};
    int code = uv_loop_init(&e->loop);
    if (code != 0)
        return hal9_error_set(err, HAL9_E_IO, "cannot make an event loop: %s", uv_strerror(code));
    for (int i = 0; i < 2 && code == 0; i++)
        if (fds[i] >= 0 && (code = uv_poll_init(&e->loop, &e->poll[i], fds[i])) == 0)
            code = uv_poll_start(&e->poll[i], UV_READABLE, on_event);
    if (code != 0) {
        hal9_either_close(e);
        return hal9_error_set(err, HAL9_E_IO, "cannot watch a descriptor: %s", uv_strerror(code));
    }
    uv_run(&e->loop, UV_RUN_NOWAIT); /* only now the kernel knows of them */
    e->fd = a >= 0 || b >= 0 ? uv_backend_fd(&e->loop) : -1;
    return HAL9_OK;
}

static void close_handle(uv_handle_t *h, void *data) {
    (void)data;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void hal9_either_close(struct hal9_either *e) {
    uv_walk(&e->loop, close_handle, NULL);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    uv_loop_close(&e->loop);
    e->fd = -1;
}
