/* The schema of rollback: the plans and their parts. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_rollback_spec, member)
#define PART(member) offsetof(struct hal9_part_spec, member)

static const struct hal9_field part_fields[] = {
    {.key = "balancer",
     .type = HAL9_T_STRING,
     .offset = PART(balancer),
     .doc = "name of an entry of balancers"},
    {.key = "backend",
     .type = HAL9_T_STRING,
     .offset = PART(backend),
     .doc = "backend of that balancer"},
    {.key = "new", .type = HAL9_T_STRV, .offset = PART(fresh), .doc = "servers of the new path"},
    {.key = "flags",
     .type = HAL9_T_STRING,
     .offset = PART(flags),
     .doc = "name of an entry of flags"},
    {.key = "files", .type = HAL9_T_STRV, .offset = PART(files), .doc = "files and folders"},
    {.key = "release",
     .type = HAL9_T_STRING,
     .offset = PART(release),
     .doc = "symlink to the release in use"},
    {0},
};

static void finish_part(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_part_spec *p = object;
    int kinds =
        (p->balancer != NULL) + (p->flags != NULL) + (p->files.n > 0) + (p->release != NULL);

    if (kinds != 1)
        hal9_decoder_error(
            d, n, "a part wants exactly one of balancer, flags, files and release, not %d", kinds);
    if (p->balancer && !p->backend)
        hal9_decoder_error(d, n, "a balancer part wants a backend");
    if (!p->balancer && (p->backend || p->fresh.n > 0))
        hal9_decoder_error(d, n, "backend and new belong to a balancer part");
}

static const struct hal9_schema part_schema = {
    .name = "a part",
    .size = sizeof(struct hal9_part_spec),
    .fields = part_fields,
    .finish = finish_part,
    .doc = "one thing that a rollback covers",
};

/* gradual: {stops: 10 | [75, 25, 5, 0], every: 30s} */
static const struct hal9_field gradual_fields[] = {
    {.key = "stops",
     .type = HAL9_T_STRV,
     .offset = AT(stops),
     .dflt = "10",
     .doc = "how many equal stops, or the shares in percent of each"},
    {.key = "every",
     .type = HAL9_T_DURATION,
     .offset = AT(every_ms),
     .dflt = "30s",
     .doc = "time between two stops"},
    {0},
};

static void finish_gradual(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_rollback_spec *r = object;
    int64_t max = r->stops.n > 1 ? 100 : 1000, value;

    for (size_t i = 0; i < r->stops.n; i++) {
        _cleanup_error_ struct hal9_error err = {0};

        if (hal9_parse_int(r->stops.v[i], r->stops.n > 1 ? 0 : 1, max, &value, &err) != HAL9_OK)
            hal9_decoder_error(d, hal9_node_get(n, "stops"),
                               "stops wants a number such as 10, or shares in percent such as [75, "
                               "25, 5, 0], not '%s'",
                               r->stops.v[i]);
    }
}

/* Its fields live in the plan itself, so the offsets are the plan's. */
static const struct hal9_schema gradual_schema = {
    .name = "gradual",
    .size = sizeof(struct hal9_rollback_spec),
    .fields = gradual_fields,
    .finish = finish_gradual,
    .doc = "traffic walked back in stops",
};

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_KEY,
     .doc = "the plan's name; the only one is the default"},
    {.key = "parts",
     .type = HAL9_T_LIST,
     .offset = AT(parts),
     .flags = HAL9_F_REQUIRED,
     .sub = &part_schema,
     .doc = "what it covers"},
    {.key = "health",
     .type = HAL9_T_STRV,
     .offset = AT(health),
     .doc = "services that must be healthy after each stop and at the end"},
    {.key = "gradual",
     .type = HAL9_T_MAP,
     .offset = 0,
     .sub = &gradual_schema,
     .doc = "traffic walked back in stops"},
    {.key = "on_unknown",
     .type = HAL9_T_DURATION,
     .offset = AT(on_unknown_ms),
     .dflt = "5m",
     .doc = "how long a gate without data holds before it asks"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_rollback_spec *r = object;

    (void)d;
    r->node = n;
}

const struct hal9_schema hal9_rollback_schema = {
    .name = "a rollback plan",
    .size = sizeof(struct hal9_rollback_spec),
    .fields = fields,
    .finish = finish,
    .doc = "what a migration touched and how it is taken back",
};
