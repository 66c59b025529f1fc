/* Memory that is never NULL: running out of it ends the process, which every operation survives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/base.h"

static _Noreturn void out_of_memory(void) {
    static const char line[] = "hal9ops: out of memory\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written; /* there is nobody left to tell */
    abort();
}

void *hal9_alloc(size_t size) {
    void *p = calloc(1, size > 0 ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *hal9_realloc_array(void *p, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory();
    p = realloc(p, bytes > 0 ? bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

char *hal9_strdup(const char *s) {
    return s ? hal9_strndup(s, strlen(s)) : NULL;
}

char *hal9_strndup(const char *s, size_t n) {
    if (!s)
        return NULL;
    n = strnlen(s, n);
    char *copy = hal9_alloc(n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *hal9_vstrf(const char *fmt, va_list ap) {
    char *text;
    if (vasprintf(&text, fmt, ap) < 0)
        out_of_memory();
    return text;
}

char *hal9_strf(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    return text;
}

void *hal9_grow(void *p, size_t *cap, size_t n, size_t size) {
    if (n < *cap)
        return p;
    size_t want = *cap < 8 ? 8 : *cap;
    while (want <= n)
        if (__builtin_mul_overflow(want, 2, &want))
            out_of_memory();
    p = hal9_realloc_array(p, want, size);
    memset((char *)p + *cap * size, 0, (want - *cap) * size);
    *cap = want;
    return p;
}
