/* A circuit breaker whose memory is somebody else's: a peer that fails is left alone for a while.
 * There are three modes and no timer: what it is follows from the failures, and from the time since
 * it opened. */
#include "base/cleanup.h"
#include "hal9ops/net.h"

#define DEFAULT_THRESHOLD 5
#define DEFAULT_COOL_MS 30000

struct hal9_breaker {
    struct hal9_breaker_opts opts;
    struct hal9_breaker_state state;
};

struct hal9_breaker *hal9_breaker_new(const struct hal9_breaker_opts *o) {
    struct hal9_breaker *b = hal9_alloc(sizeof(*b));
    b->opts = *o;
    if (b->opts.threshold <= 0)
        b->opts.threshold = DEFAULT_THRESHOLD;
    if (b->opts.cool_ms <= 0)
        b->opts.cool_ms = DEFAULT_COOL_MS;
    return b;
}

void hal9_breaker_free(struct hal9_breaker *b) {
    free(b);
}

/* Other processes may have learnt something meanwhile. What is kept elsewhere may be damaged. */
static void look(struct hal9_breaker *b) {
    struct hal9_breaker_state s = {0};
    if (!b->opts.load)
        return;
    if (!b->opts.load(b->opts.data, &s) || s.failures < 0)
        s = (struct hal9_breaker_state){0};
    b->state = s;
}

static void keep(struct hal9_breaker *b, int64_t failures, int64_t since_ms) {
    if (b->state.failures == failures && b->state.since_ms == since_ms)
        return;
    b->state = (struct hal9_breaker_state){.failures = failures, .since_ms = since_ms};
    if (b->opts.save)
        b->opts.save(b->opts.data, &b->state);
}

/* How long it stays open. A moment that lies ahead is a clock that was set back: it must not keep the
 * peer waiting until that comes again. */
static int64_t left_ms(const struct hal9_breaker *b, int64_t now) {
    const int64_t gone = now - b->state.since_ms;
    return gone < 0 || gone >= b->opts.cool_ms ? 0 : b->opts.cool_ms - gone;
}

static enum hal9_breaker_mode mode(const struct hal9_breaker *b, int64_t now) {
    if (b->state.failures < b->opts.threshold)
        return HAL9_BREAKER_CLOSED;
    return left_ms(b, now) > 0 ? HAL9_BREAKER_OPEN : HAL9_BREAKER_HALF_OPEN;
}

enum hal9_breaker_mode hal9_breaker_mode(struct hal9_breaker *b) {
    look(b);
    return mode(b, hal9_now_ms());
}

bool hal9_breaker_allow(struct hal9_breaker *b, int64_t *ret_wait_ms) {
    const int64_t now = hal9_now_ms();
    look(b);
    const enum hal9_breaker_mode m = mode(b, now);
    if (ret_wait_ms)
        *ret_wait_ms = m == HAL9_BREAKER_OPEN ? left_ms(b, now) : 0;
    if (m == HAL9_BREAKER_HALF_OPEN)
        keep(b, b->state.failures, now); /* the trial: to all others it is open again */
    return m != HAL9_BREAKER_OPEN;
}

void hal9_breaker_tell(struct hal9_breaker *b, bool worked) {
    look(b);
    if (worked)
        keep(b, 0, 0);
    else
        keep(b, b->state.failures + 1,
             b->state.failures + 1 >= b->opts.threshold ? hal9_now_ms() : 0);
}
