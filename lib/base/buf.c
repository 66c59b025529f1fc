/* A growable byte string. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal9ops/base.h"

/* Room for len more bytes and the NUL behind them. */
static void reserve(struct hal9_buf *b, size_t len) {
    size_t end;
    if (len < b->cap - b->len)
        return;
    if (__builtin_add_overflow(b->len, len, &end))
        end = SIZE_MAX; /* which no allocation can give: hal9_grow ends it */
    b->data = hal9_grow(b->data, &b->cap, end, 1);
}

void hal9_buf_add(struct hal9_buf *b, const void *data, size_t len) {
    reserve(b, len);
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void hal9_buf_puts(struct hal9_buf *b, const char *s) {
    hal9_buf_add(b, s, strlen(s));
}

void hal9_buf_putc(struct hal9_buf *b, char c) {
    reserve(b, 1);
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

void hal9_buf_printf(struct hal9_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_buf_puts(b, text);
    free(text);
}

void hal9_buf_reset(struct hal9_buf *b) {
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *hal9_buf_take(struct hal9_buf *b) {
    char *data = b->data ? b->data : hal9_strdup("");
    *b = (struct hal9_buf){0};
    return data;
}

void hal9_buf_free(struct hal9_buf *b) {
    free(b->data);
    *b = (struct hal9_buf){0};
}
