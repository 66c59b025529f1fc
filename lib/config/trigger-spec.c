/* The schema of a rollback plan's trigger: what must not go on for how long, and how often it is tried. */
#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_trigger_spec, member)
#define LIMIT(member) offsetof(struct hal9_limit_spec, member)

#define OVER                                                                             \
    {                                                                                    \
        .key = "over", .type = HAL9_T_DURATION, .offset = LIMIT(over_ms), .dflt = "60s", \
        .doc = "for how long it must go on, without a gap in it"                         \
    }

static void bad_clear(struct hal9_decoder *d, const struct hal9_node *n, const char *side) {
    hal9_decoder_error(d, hal9_node_get(n, "clear"),
                       "clear is the level at which it is well again: it can't be %s the limit",
                       side);
}

/* Without a level of its own it is well again at the limit itself. */
static void finish_above(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_limit_spec *l = object;

    if (!hal9_node_get(n, "clear"))
        l->clear = l->limit;
    else if (l->clear > l->limit)
        bad_clear(d, n, "above");
}

static void finish_p99(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_limit_spec *l = object;

    l->limit = (double)l->limit_ms / 1000;
    l->clear = (double)l->clear_ms / 1000;
    if (hal9_node_get(n, "above") && l->limit_ms <= 0)
        hal9_decoder_error(d, hal9_node_get(n, "above"), "above wants a time such as 500ms");
    finish_above(d, n, object);
}

static void finish_score(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_limit_spec *l = object;

    if (!hal9_node_get(n, "clear"))
        l->clear = l->limit;
    else if (l->clear < l->limit)
        bad_clear(d, n, "below");
}

static const struct hal9_field rate_fields[] = {
    {.key = "above",
     .type = HAL9_T_PERCENT,
     .offset = LIMIT(limit),
     .dflt = "5%",
     .doc = "share of requests that may fail"},
    OVER,
    {.key = "clear",
     .type = HAL9_T_PERCENT,
     .offset = LIMIT(clear),
     .doc = "at this share all is well again; default: above"},
    {.key = "min",
     .type = HAL9_T_INT,
     .offset = LIMIT(min),
     .dflt = "20",
     .min = 0,
     .max = 1e9,
     .doc = "of fewer requests, where their number is known, the share tells nothing"},
    {.key = "requests",
     .type = HAL9_T_STRING,
     .offset = LIMIT(requests),
     .doc = "PromQL of the number of requests, for min"},
    {0},
};
static const struct hal9_schema rate_schema = {
    .name = "error_rate",
    .size = sizeof(struct hal9_limit_spec),
    .fields = rate_fields,
    .finish = finish_above,
    .doc = "share of requests that fail",
};

static const struct hal9_field p99_fields[] = {
    {.key = "above",
     .type = HAL9_T_DURATION,
     .offset = LIMIT(limit_ms),
     .flags = HAL9_F_REQUIRED,
     .doc = "time that 99 of 100 requests may take"},
    OVER,
    {.key = "clear",
     .type = HAL9_T_DURATION,
     .offset = LIMIT(clear_ms),
     .doc = "at this time all is well again; default: above"},
    {0},
};
static const struct hal9_schema p99_schema = {
    .name = "p99",
    .size = sizeof(struct hal9_limit_spec),
    .fields = p99_fields,
    .finish = finish_p99,
    .doc = "time that 99 of 100 requests take at most",
};

static const struct hal9_field score_fields[] = {
    {.key = "below",
     .type = HAL9_T_NUMBER,
     .offset = LIMIT(limit),
     .dflt = "0.5",
     .min = 0,
     .max = 1,
     .doc = "share of its checks, by weight, that must pass"},
    OVER,
    {.key = "clear",
     .type = HAL9_T_NUMBER,
     .offset = LIMIT(clear),
     .min = 0,
     .max = 1,
     .doc = "at this score all is well again; default: below"},
    {0},
};
static const struct hal9_schema score_schema = {
    .name = "score",
    .size = sizeof(struct hal9_limit_spec),
    .fields = score_fields,
    .finish = finish_score,
    .doc = "health score of a service of the plan's health; the worst counts",
};

static const char *const strategies[] = {"immediate", "gradual", NULL};

static const struct hal9_field fields[] = {
    {.key = "error_rate",
     .type = HAL9_T_PTR,
     .offset = AT(error_rate),
     .sub = &rate_schema,
     .doc = "share of requests that fail"},
    {.key = "p99",
     .type = HAL9_T_PTR,
     .offset = AT(p99),
     .sub = &p99_schema,
     .doc = "time that 99 of 100 requests take at most"},
    {.key = "score",
     .type = HAL9_T_PTR,
     .offset = AT(score),
     .sub = &score_schema,
     .doc = "health score of a service of health"},
    {.key = "samples",
     .type = HAL9_T_INT,
     .offset = AT(samples),
     .dflt = "3",
     .min = 1,
     .max = 1000,
     .doc = "so many samples in a row must say so"},
    {.key = "gap",
     .type = HAL9_T_DURATION,
     .offset = AT(gap_ms),
     .doc = "without a sample for longer nothing is known; default: as long as over"},
    {.key = "cooldown",
     .type = HAL9_T_DURATION,
     .offset = AT(cooldown_ms),
     .dflt = "300s",
     .doc = "time after a rollback in which there is no other"},
    {.key = "attempts",
     .type = HAL9_T_INT,
     .offset = AT(attempts),
     .dflt = "3",
     .min = 1,
     .max = 100,
     .doc = "after so many somebody is paged, and nothing more is tried"},
    {.key = "within",
     .type = HAL9_T_DURATION,
     .offset = AT(within_ms),
     .dflt = "24h",
     .doc = "older attempts don't count"},
    {.key = "every",
     .type = HAL9_T_DURATION,
     .offset = AT(every_ms),
     .dflt = "5s",
     .doc = "time between two looks, where watch looks itself"},
    {.key = "to",
     .type = HAL9_T_STRING,
     .offset = AT(to),
     .dflt = "last-healthy",
     .doc = "the snapshot: its name, or last-healthy"},
    {.key = "strategy",
     .type = HAL9_T_CHOICE,
     .offset = AT(strategy),
     .choices = strategies,
     .dflt = "immediate",
     .doc = "immediate or gradual"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_trigger_spec *t = object;

    if (!t->error_rate && !t->p99 && !t->score)
        hal9_decoder_error(d, n, "a trigger wants error_rate, p99, score or several of them");
    if (hal9_node_get(n, "every") && t->every_ms < 100)
        hal9_decoder_error(d, hal9_node_get(n, "every"), "every is shorter than 100ms");
}

const struct hal9_schema hal9_trigger_schema = {
    .name = "trigger",
    .size = sizeof(struct hal9_trigger_spec),
    .fields = fields,
    .finish = finish,
    .doc = "when hal9-rollback watch rolls back by itself",
};
