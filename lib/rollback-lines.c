/* A unified diff of two texts: Myers' shortest way from one to the other, line by line. */
#include <string.h>

#include "rollback-internal.h"

enum { CONTEXT = 3, EDITS_MAX = 2000 };

struct line {
    const char *at;
    size_t len; /* with its newline */
};
struct text {
    struct line *v;
    size_t n, cap;
};

static void split(const char *data, size_t len, struct text *t) {
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) + 1 : len;

        *HAL9_APPEND(t->v, t->n, t->cap) = (struct line){data, n};
        data += n;
        len -= n;
    }
}

static bool same(const struct line *a, const struct line *b) {
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

/* How far each diagonal has come after each number of edits: the way back is read from it. Row d is of d + 1 values: diagonals -d, -d + 2, ... d. */
struct trace {
    ptrdiff_t *v;
    size_t n, cap;
};

static ptrdiff_t *row(const struct trace *t, ptrdiff_t d) {
    return t->v + d * (d + 1) / 2;
}

/* x on diagonal k after d edits, before the snake: from above (a line added) or from the left (one removed). */
static ptrdiff_t start_of(const struct trace *t, ptrdiff_t d, ptrdiff_t k, bool *ret_down) {
    const ptrdiff_t *before = row(t, d - 1);
    const ptrdiff_t above = k + 1 > d - 1 ? -1 : before[(k + 1 + d - 1) / 2];
    const ptrdiff_t left = k - 1 < -(d - 1) ? -1 : before[(k - 1 + d - 1) / 2] + 1;

    *ret_down = k == -d || (k != d && above >= left);
    return *ret_down ? above : left;
}

/* Number of edits, or -1 when there are too many. */
static ptrdiff_t search(const struct text *a, const struct text *b, struct trace *t) {
    const ptrdiff_t n = (ptrdiff_t)a->n, m = (ptrdiff_t)b->n;

    for (ptrdiff_t d = 0; d <= n + m && d <= EDITS_MAX; d++) {
        for (ptrdiff_t k = -d; k <= d; k += 2) {
            bool down;
            ptrdiff_t x = d == 0 ? 0 : start_of(t, d, k, &down), y = x - k;

            while (x >= 0 && y >= 0 && x < n && y < m && same(&a->v[x], &b->v[y]))
                x++, y++;
            *HAL9_APPEND(t->v, t->n, t->cap) = x;
            if (x >= n && y >= m)
                return d;
        }
    }
    return -1;
}

/* For each line of a, whether it goes; for each of b, whether it is new. */
static void mark(const struct trace *t, ptrdiff_t d, const struct text *a, const struct text *b,
                 bool *gone, bool *fresh) {
    ptrdiff_t x = (ptrdiff_t)a->n, y = (ptrdiff_t)b->n;

    for (; d > 0; d--) {
        bool down;
        ptrdiff_t k = x - y, from = start_of(t, d, k, &down);

        x = down ? from : from - 1;
        y = down ? from - k - 1 : from - k;
        if (down)
            fresh[y] = true;
        else
            gone[x] = true;
    }
}

static void put(struct hal9_buf *to, char how, const struct line *l) {
    if (!l) /* of a text without lines, which has none to put */
        return;
    hal9_buf_putc(to, how);
    hal9_buf_add(to, l->at, l->len);
    if (l->at[l->len - 1] != '\n')
        hal9_buf_puts(to, "\n\\ No newline at end of file\n");
}

struct sides {
    const struct text *a, *b;
    const bool *gone, *fresh;
};

static bool edited(const struct sides *s, size_t i, size_t j) {
    return (i < s->a->n && s->gone[i]) || (j < s->b->n && s->fresh[j]);
}

/* One hunk from (i, j), which is up to CONTEXT lines before an edit; returns behind it. */
static void hunk(const struct sides *s, size_t *i, size_t *j, struct hal9_buf *to) {
    const size_t from_a = *i, from_b = *j;
    _cleanup_buf_ struct hal9_buf body = {0};
    size_t quiet = 0, end = 0, end_a = *i, end_b = *j;

    while ((*i < s->a->n || *j < s->b->n) && quiet <= (size_t)2 * CONTEXT) {
        if (*i < s->a->n && s->gone[*i]) {
            put(&body, '-', &s->a->v[(*i)++]);
            quiet = 0;
        } else if (*j < s->b->n && s->fresh[*j]) {
            put(&body, '+', &s->b->v[(*j)++]);
            quiet = 0;
        } else {
            put(&body, ' ', &s->a->v[*i]);
            ++*i, ++*j;
            quiet++;
        }
        if (quiet <= CONTEXT) {
            end = body.len;
            end_a = *i;
            end_b = *j;
        }
    }
    *i = end_a;
    *j = end_b;
    hal9_buf_printf(to, "@@ -%zu,%zu +%zu,%zu @@\n", end_a > from_a ? from_a + 1 : from_a,
                    end_a - from_a, end_b > from_b ? from_b + 1 : from_b, end_b - from_b);
    hal9_buf_add(to, body.data, end);
}

static void hunks(const struct sides *s, struct hal9_buf *to) {
    size_t i = 0, j = 0;

    while (i < s->a->n || j < s->b->n) {
        size_t x = i, y = j;

        while ((x < s->a->n || y < s->b->n) && !edited(s, x, y))
            x++, y++;
        if (x >= s->a->n && y >= s->b->n)
            return;
        size_t back = x - i < CONTEXT ? x - i : CONTEXT;

        i = x - back;
        j = y - back;
        hunk(s, &i, &j, to);
    }
}

void rb_unified_diff(const char *a, size_t a_len, const char *b, size_t b_len,
                     struct hal9_buf *to) {
    struct text ta = {0}, tb = {0};
    struct trace t = {0};

    split(a, a_len, &ta);
    split(b, b_len, &tb);
    _cleanup_free_ bool *gone = hal9_alloc(ta.n + 1), *fresh = hal9_alloc(tb.n + 1);
    ptrdiff_t d = search(&ta, &tb, &t);

    if (d < 0) { /* nearly all of it is another */
        memset(gone, true, ta.n);
        memset(fresh, true, tb.n);
    } else {
        mark(&t, d, &ta, &tb, gone, fresh);
    }
    hunks(&(struct sides){&ta, &tb, gone, fresh}, to);
    free(t.v);
    free(ta.v);
    free(tb.v);
}
