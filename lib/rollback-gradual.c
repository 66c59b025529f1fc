/*
 * A gradual rollback: the traffic goes back in stops, each followed by a time in which the services and the metrics are watched. A gate that fails leaves
 * out the further stops: what comes after them is the rest of an immediate rollback, and finds the traffic wherever it stands. A gate that can't tell holds.
 * All other parts are restored once the traffic has reached the old path.
 */
#include <math.h>

#include "rollback-to.h"

static bool walks(const struct rb_item *i) {
    return rb_is_balancer(i) && i->chosen && i->differs;
}

/* Where weights are all or nothing there are no stops between. */
static hal9_status need_weights(const struct rb_item *i, struct hal9_error *err) {
    if (!i->weightless)
        return HAL9_OK;
    hal9_error_set(
        err, HAL9_E_USAGE, "%s can't be walked back in stops: its servers have %s", i->part.name,
        i->view.all_or_nothing ? "weights of all or nothing (static balancing)" : "no weights");
    hal9_error_hint(err, "--strategy immediate");
    return HAL9_E_USAGE;
}

static hal9_status share_out(const struct rb_to *to, struct rb_item *i, struct hal9_error *err) {
    struct hal9_strv ten = {0};
    const struct hal9_strv *stops = to->plan && to->plan->stops.n > 0 ? &to->plan->stops : &ten;
    hal9_status st = need_weights(i, err);

    if (st != HAL9_OK)
        return st;
    if (stops == &ten)
        hal9_strv_add(&ten, "10");
    if (i->has_new)
        rb_shares_between(stops, i->from, i->to, &i->shares);
    else
        rb_shares_between(stops, 1, 0, &i->shares);
    hal9_strv_free(&ten);
    return HAL9_OK;
}

/* The values at a stop; false: nobody could take the share, as all old servers are to get nothing. */
static bool set_values(struct rb_item *i, double share, bool last) {
    if (last) {
        for (size_t k = 0; k < i->n; k++)
            i->servers[k].value = i->servers[k].to;
        return true;
    }
    const bool set = i->has_new ? rb_weights_for_share(i->servers, i->n, share)
                                : rb_weights_on_way(i->servers, i->n, share);

    if (set && i->view.percentages)
        rb_weights_percent(i->servers, i->n);
    return set;
}

static char *title_of(const struct rb_item *i, size_t k, size_t n, double share) {
    const double percent = round(share * 1000) / 10;

    if (i->has_new)
        return hal9_strf("stop %zu of %zu: new path %.3g %%", k, n, percent);
    return hal9_strf("stop %zu of %zu: %.3g %% of the way back", k, n, 100 - percent);
}

/* gate: the one before, whose failure leaves this stop out. */
static struct hal9_step *add_stop(struct rb_chain *c, struct rb_item *i, size_t k, size_t n,
                                  const char *gate) {
    const size_t skipped = n - i->shares.n; /* one with fewer stops starts later */
    _cleanup_free_ char *word = hal9_strf("stop-%zu", k);

    if (k <= skipped)
        return NULL;
    const double share = i->shares.v[k - skipped - 1];

    if (!set_values(i, share, k == n))
        return NULL;
    struct hal9_step *s = rb_add_weights(c, i, word, title_of(i, k, n, share));

    s->unless_failed = hal9_strdup(gate);
    return s;
}

static hal9_status add_gate(struct rb_chain *c, size_t k, size_t n, int64_t every,
                            const char **gate, struct hal9_error *err) {
    struct hal9_step *s = NULL;
    _cleanup_free_ char *name = hal9_strf("hold-%zu", k), *span = hal9_span_text(every);
    hal9_status st = rb_add_gate(
        c, name, every, true, hal9_strf("stop %zu of %zu: watch it for %s", k, n, span), &s, err);

    if (st != HAL9_OK || !s)
        return st;
    s->on_fail = HAL9_FAIL_WARN;
    s->unless_failed = hal9_strdup(*gate);
    *gate = s->name;
    return HAL9_OK;
}

hal9_status rb_add_stops(struct rb_chain *c, struct hal9_error *err) {
    struct rb_to *to = c->to;
    const int64_t every = to->job->hold_ms >= 0 ? to->job->hold_ms
                          : to->plan            ? to->plan->every_ms
                                                : 30000;
    const char *gate = NULL;
    size_t n = 0;
    hal9_status st = HAL9_OK;

    for (size_t k = 0; st == HAL9_OK && k < to->n; k++)
        if (walks(&to->items[k])) {
            st = share_out(to, &to->items[k], err);
            n = to->items[k].shares.n > n ? to->items[k].shares.n : n;
        }
    for (size_t stop = 1; st == HAL9_OK && stop <= n; stop++) {
        for (size_t k = 0; k < to->n; k++)
            if (walks(&to->items[k]))
                add_stop(c, &to->items[k], stop, n, gate);
        st = add_gate(c, stop, n, every, &gate, err);
    }
    return st;
}
