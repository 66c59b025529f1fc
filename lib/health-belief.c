/*
 * What a watch believes of one check: it takes `rise` passes in a row to believe that it is well, `fall` failures that it is
 * not (as HAProxy does), and as many answers that tell nothing to believe that nothing is known. The first answer of all is
 * believed when it is a pass. No answer at all changes nothing.
 */
#include "base/cleanup.h"
#include "health-internal.h"

static int at_least_1(int n) {
    return n > 0 ? n : 1;
}

void hal9_result_copy(struct hal9_check_result *to, const struct hal9_check_result *from) {
    struct hal9_check_result copy = {
        .state = from->state,
        .cause = from->cause,
        .reason = hal9_strdup(from->reason),
        .value = hal9_strdup(from->value),
        .unit = hal9_strdup(from->unit),
        .us = from->us,
        .evidence = from->evidence ? cJSON_Duplicate(from->evidence, true) : NULL};

    hal9_check_result_clear(to);
    *to = copy;
}

void hal9_memory_clear(struct hal9_check_memory *m) {
    free(m->key);
    hal9_check_result_clear(&m->last);
    hal9_check_result_clear(&m->believed);
    *m = (struct hal9_check_memory){0};
}

static void count(struct hal9_check_memory *m, enum hal9_check_state s) {
    m->passes = s == HAL9_CHECK_PASS ? m->passes + 1 : 0;
    m->fails = s == HAL9_CHECK_FAIL ? m->fails + 1 : 0;
    m->unknowns = s == HAL9_CHECK_UNKNOWN ? m->unknowns + 1 : 0;
    m->bad = s == HAL9_CHECK_PASS ? 0 : m->bad + 1;
}

/* Whether the state of the newest answer is to be believed from now on. */
static bool convinces(const struct hal9_check_memory *m, const struct hal9_check *c) {
    const int rise = at_least_1(c->rise), fall = at_least_1(c->fall);
    /* What was well, or never known, is not kept for well by failures and silence that take turns. */
    const bool was_bad = m->decided && m->believed.state != HAL9_CHECK_PASS;

    switch (m->last.state) {
    case HAL9_CHECK_PASS:
        return !m->decided || m->passes >= rise;
    case HAL9_CHECK_FAIL:
        return (was_bad ? m->fails : m->bad) >= fall;
    case HAL9_CHECK_UNKNOWN:
        return (was_bad ? m->unknowns : m->bad) >= fall;
    default:
        return true;
    }
}

/* Until it is decided, nobody knows. */
static void put_off(struct hal9_check_memory *m, const struct hal9_check *c) {
    hal9_result_copy(&m->believed, &m->last);
    m->believed.state = HAL9_CHECK_UNKNOWN;
    m->believed.cause = NULL;
    free(m->believed.reason);
    m->believed.reason = hal9_strf("%d of %d times in a row: %s", m->bad, at_least_1(c->fall),
                                   m->last.reason ? m->last.reason : "?");
}

void hal9_memory_take(struct hal9_check_memory *m, const struct hal9_check *c,
                      const struct hal9_check_result *r) {
    hal9_result_copy(&m->last, r);
    m->probed = true;
    if (r->state == HAL9_CHECK_SKIPPED)
        return;
    count(m, r->state);
    if (m->decided && m->believed.state == r->state) {
        hal9_result_copy(&m->believed, r);
    } else if (convinces(m, c)) {
        m->decided = true;
        hal9_result_copy(&m->believed, r);
    } else if (!m->decided) {
        put_off(m, c);
    }
}

bool hal9_memory_open(const struct hal9_check_memory *m) {
    return m->last.reason && m->last.state != HAL9_CHECK_SKIPPED &&
           (!m->decided || m->believed.state != m->last.state);
}

void hal9_memory_gap(struct hal9_check_memory *m) {
    m->passes = m->fails = m->unknowns = m->bad = 0;
}

struct hal9_belief hal9_memory_belief(const struct hal9_check_memory *m,
                                      const struct hal9_check *c) {
    const bool pass = m->last.state == HAL9_CHECK_PASS;

    return (struct hal9_belief){
        .state = m->last.reason ? m->believed.state : HAL9_CHECK_SKIPPED,
        .probed = m->probed,
        .decided = !hal9_memory_open(m),
        .streak = pass ? m->passes : m->bad,
        .need = at_least_1(pass ? c->rise : c->fall),
    };
}
