/* Strings, and vectors of them. */
#include <stdlib.h>
#include <string.h>

#include "hal9ops/base.h"

bool hal9_streq(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool hal9_startswith(const char *s, const char *prefix) {
    return s && prefix && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool hal9_endswith(const char *s, const char *suffix) {
    if (!s || !suffix)
        return false;
    size_t len = strlen(s);
    size_t tail = strlen(suffix);
    return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

void hal9_strv_add(struct hal9_strv *s, const char *str) {
    hal9_strv_take(s, hal9_strdup(str));
}

void hal9_strv_take(struct hal9_strv *s, char *str) {
    if (!str)
        return;
    s->v = hal9_grow(s->v, &s->cap, s->n + 1, sizeof(*s->v));
    s->v[s->n++] = str;
    s->v[s->n] = NULL;
}

bool hal9_strv_has(const struct hal9_strv *s, const char *str) {
    for (size_t i = 0; i < s->n; i++)
        if (hal9_streq(s->v[i], str))
            return true;
    return false;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void hal9_strv_sort_unique(struct hal9_strv *s) {
    if (s->n < 2)
        return;
    qsort(s->v, s->n, sizeof(*s->v), by_bytes);
    size_t kept = 1;
    for (size_t i = 1; i < s->n; i++) {
        if (strcmp(s->v[kept - 1], s->v[i]) == 0)
            free(s->v[i]);
        else
            s->v[kept++] = s->v[i];
    }
    s->n = kept;
    s->v[kept] = NULL;
}

void hal9_strv_copy(struct hal9_strv *to, const struct hal9_strv *from) {
    struct hal9_strv copy = {0};
    for (size_t i = 0; i < from->n; i++)
        hal9_strv_add(&copy, from->v[i]);
    hal9_strv_free(to);
    *to = copy;
}

char *hal9_strv_join(const struct hal9_strv *s, const char *sep) {
    struct hal9_buf text = {0};
    for (size_t i = 0; i < s->n; i++) {
        if (i > 0)
            hal9_buf_puts(&text, sep);
        hal9_buf_puts(&text, s->v[i]);
    }
    return hal9_buf_take(&text);
}

void hal9_strv_free(struct hal9_strv *s) {
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct hal9_strv){0};
}
