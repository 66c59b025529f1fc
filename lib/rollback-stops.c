/*
 * The stops of a gradual rollback. Shares are real numbers and weights small whole ones: for every size of the largest weight from 1 to 256 the shares
 * are scaled to it and rounded by the method of the largest remainder, first what each path gets in all, then among its servers; the scale with the
 * least error (of the path's share, and of the worst server's) is taken, of equals the one whose sum is nearest to that of the weights the backend has. So a path's
 * share is off by half a weight in the sum at most, and a server that must get nothing gets nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback-stops.h"

#define SAME 1e-9

/* ---- shares */

void rb_shares_free(struct rb_shares *s) {
    free(s->v);
    *s = (struct rb_shares){0};
}

static void add(struct rb_shares *s, double share) {
    *HAL9_APPEND(s->v, s->n, s->cap) = share;
}

static int falling(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? 1 : *x > *y ? -1 : 0;
}

static int rising(const void *a, const void *b) {
    return falling(b, a);
}

static void add_equal(struct rb_shares *s, int64_t n, double from, double to) {
    for (int64_t k = 1; k < n; k++)
        add(s, from + (to - from) * (double)k / (double)n);
}

/* Those between the two, each once. */
static void add_told(struct rb_shares *s, const struct hal9_strv *stops, double from, double to) {
    const double low = from < to ? from : to, high = from < to ? to : from;
    for (size_t i = 0; i < stops->n; i++) {
        int64_t percent;
        if (hal9_parse_int(stops->v[i], 0, 100, &percent, NULL) != HAL9_OK)
            continue;
        const double share = (double)percent / 100;
        if (share > low + SAME && share < high - SAME)
            add(s, share);
    }
    if (s->n == 0)
        return;
    qsort(s->v, s->n, sizeof(*s->v), from < to ? rising : falling);
    size_t kept = 1;
    for (size_t i = 1; i < s->n; i++)
        if (fabs(s->v[i] - s->v[kept - 1]) > SAME)
            s->v[kept++] = s->v[i];
    s->n = kept;
}

void rb_shares_between(const struct hal9_strv *stops, double from, double to,
                       struct rb_shares *ret) {
    int64_t n;
    if (fabs(from - to) > SAME) {
        if (stops->n == 1 && hal9_parse_int(stops->v[0], 1, 1000, &n, NULL) == HAL9_OK)
            add_equal(ret, n, from, to);
        else
            add_told(ret, stops, from, to);
    }
    add(ret, to);
}

/* ---- weights */

static int64_t weight_of(const struct rb_weight *w, enum rb_weight_of which) {
    return which == RB_FROM ? w->from : which == RB_TO ? w->to : w->value;
}

static double sum(const struct rb_weight *v, size_t n, enum rb_weight_of which, int fresh) {
    double all = 0;
    for (size_t i = 0; i < n; i++)
        if (fresh < 0 || v[i].fresh == (fresh > 0))
            all += (double)weight_of(&v[i], which);
    return all;
}

double rb_share(const struct rb_weight *v, size_t n, enum rb_weight_of which) {
    const double all = sum(v, n, which, -1);
    return all > 0 ? sum(v, n, which, 1) / all : 0;
}

/* One server while the best numbers are sought. */
struct aim {
    double share; /* wanted, of all traffic */
    bool fresh;
    int64_t value, best;
    double left; /* what rounding down has cut off */
};

static int by_left(const void *a, const void *b) {
    const struct aim *const *x = a, *const *y = b;
    if ((*x)->left != (*y)->left)
        return (*x)->left < (*y)->left ? 1 : -1;
    return *x < *y ? -1 : *x > *y; /* the order of the backend: the same each time */
}

/* Rounds the servers of one path so that their sum is the rounded sum. */
static void round_path(struct aim *a, size_t n, bool fresh, double scale, struct aim **order) {
    double all = 0;
    int64_t given = 0;
    size_t mine = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i].fresh != fresh)
            continue;
        const double real = a[i].share * scale;
        a[i].value = (int64_t)floor(real + SAME);
        a[i].left = real - (double)a[i].value;
        all += real;
        given += a[i].value;
        if (a[i].share > 0)
            order[mine++] = &a[i];
    }
    if (mine == 0)
        return;
    qsort(order, mine, sizeof(*order), by_left);
    int64_t more = (int64_t)floor(all + 0.5) - given;
    for (size_t i = 0; i < mine && more > 0; i++, more--)
        order[i]->value++;
}

static double error_of(const struct aim *a, size_t n) {
    double all = 0, fresh = 0, wanted = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        all += (double)a[i].value;
        fresh += a[i].fresh ? (double)a[i].value : 0;
        wanted += a[i].fresh ? a[i].share : 0;
    }
    if (all <= 0)
        return INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)a[i].value / all - a[i].share);
        worst = off > worst ? off : worst;
    }
    return fabs(fresh / all - wanted) + worst;
}

static double sum_of(const struct aim *a, size_t n) {
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += (double)a[i].value;
    return all;
}

/* Whole numbers for shares; false: all are zero. usual: the sum of the weights that the backend has. */
static bool fit(struct aim *a, size_t n, double usual) {
    _cleanup_free_ struct aim **order = hal9_alloc((n + 1) * sizeof(struct aim *));
    double largest = 0, least = INFINITY;
    double at = 0;
    for (size_t i = 0; i < n; i++)
        largest = a[i].share > largest ? a[i].share : largest;
    for (int64_t m = 1; largest > 0 && m <= RB_WEIGHT_MAX; m++) {
        round_path(a, n, false, (double)m / largest, order);
        round_path(a, n, true, (double)m / largest, order);
        const double error = error_of(a, n);
        const double all = sum_of(a, n);
        const bool nearer = fabs(all - usual) < fabs(at - usual);
        if (error > least + SAME || (error > least - SAME && !nearer))
            continue;
        least = error < least ? error : least;
        at = all;
        for (size_t i = 0; i < n; i++)
            a[i].best = a[i].value;
    }
    return at > 0;
}

static bool set_values(struct rb_weight *v, size_t n, struct aim *a) {
    const double from = sum(v, n, RB_FROM, -1), to = sum(v, n, RB_TO, -1);
    if (!fit(a, n, from > to ? from : to))
        return false;
    for (size_t i = 0; i < n; i++)
        v[i].value = a[i].best;
    return true;
}

bool rb_weights_for_share(struct rb_weight *v, size_t n, double share) {
    _cleanup_free_ struct aim *a = hal9_alloc((n + 1) * sizeof(*a));
    const double old = sum(v, n, RB_TO, 0);
    /* New servers that get nothing now, and are to get something, share it as in the snapshot. */
    const enum rb_weight_of which = sum(v, n, RB_FROM, 1) > 0 ? RB_FROM : RB_TO;
    const double fresh = sum(v, n, which, 1);
    if ((share > SAME && fresh <= 0) || (share < 1 - SAME && old <= 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        a[i].fresh = v[i].fresh;
        if (v[i].fresh)
            a[i].share = fresh > 0 ? share * (double)weight_of(&v[i], which) / fresh : 0;
        else
            a[i].share = old > 0 ? (1 - share) * (double)v[i].to / old : 0;
    }
    return set_values(v, n, a);
}

bool rb_weights_on_way(struct rb_weight *v, size_t n, double rest) {
    _cleanup_free_ struct aim *a = hal9_alloc((n + 1) * sizeof(*a));
    const double from = sum(v, n, RB_FROM, -1), to = sum(v, n, RB_TO, -1);
    if (from <= 0 || to <= 0)
        return false;
    for (size_t i = 0; i < n; i++)
        a[i].share = rest * (double)v[i].from / from + (1 - rest) * (double)v[i].to / to;
    return set_values(v, n, a);
}

void rb_weights_percent(struct rb_weight *v, size_t n) {
    const double all = sum(v, n, RB_VALUE, -1);
    _cleanup_free_ double *left = hal9_alloc((n + 1) * sizeof(*left));
    int64_t given = 0;
    if (all <= 0)
        return;
    for (size_t i = 0; i < n; i++) {
        const double real = (double)v[i].value * 100 / all;
        v[i].value = (int64_t)floor(real + SAME);
        left[i] = real - (double)v[i].value;
        given += v[i].value;
    }
    for (; given < 100; given++) {
        size_t most = 0;
        for (size_t i = 1; i < n; i++)
            most = left[i] > left[most] ? i : most;
        v[most].value++;
        left[most] = -1;
    }
}
