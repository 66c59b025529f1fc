/* The schema of a plan's forward: the phases in which it is migrated, and what each must prove. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_forward_spec, member)
#define PHASE(member) offsetof(struct hal9_phase_spec, member)

static const struct hal9_field phase_fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = PHASE(name),
     .flags = HAL9_F_REQUIRED,
     .doc = "what it is called: shadow, canary"},
    {.key = "share",
     .type = HAL9_T_INT,
     .offset = PHASE(share),
     .flags = HAL9_F_REQUIRED,
     .min = 0,
     .max = 100,
     .doc = "percent of the traffic that the new servers get"},
    {.key = "for",
     .type = HAL9_T_DURATION,
     .offset = PHASE(for_ms),
     .doc = "how long it is watched before the next one; default: every"},
    {.key = "run",
     .type = HAL9_T_STRV,
     .offset = PHASE(run),
     .doc = "command that it begins with; may be run again after a kill"},
    {.key = "revert",
     .type = HAL9_T_STRV,
     .offset = PHASE(revert),
     .doc = "command that takes run back; must do no harm where run did nothing"},
    {.key = "set",
     .type = HAL9_T_JSON,
     .offset = PHASE(set),
     .doc = "flags: {FLAG: on}, or {STORE:FLAG: on} where the plan has several stores"},
    {.key = "release",
     .type = HAL9_T_STRING,
     .offset = PHASE(release),
     .doc = "what the plan's release points to from then on"},
    {.key = "validate",
     .type = HAL9_T_LIST,
     .offset = PHASE(validate),
     .sub = &hal9_check_schema,
     .doc = "checks that must pass"},
    {0},
};

/* A name is a piece of step names. */
static bool is_name(const char *name) {
    return *name && strlen(name) <= 40 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] ==
               '\0';
}

/* NULL where it is written otherwise. */
static const cJSON *flags_in(const cJSON *set) {
    return cJSON_IsObject(set) ? set : NULL;
}

static void check_set(struct hal9_decoder *d, const struct hal9_node *n, const cJSON *set) {
    const cJSON *one, *flags = flags_in(set);

    if (set && !cJSON_IsObject(set))
        hal9_decoder_error(d, hal9_node_get(n, "set"), "set wants flags: {FLAG: on}");
    cJSON_ArrayForEach(one, flags) {
        if (!cJSON_IsString(one) && !cJSON_IsBool(one) && !cJSON_IsNumber(one))
            hal9_decoder_error(d, hal9_node_get(hal9_node_get(n, "set"), one->string),
                               "flag '%s' wants a word such as on, off, 25%% or a variant",
                               one->string);
    }
}

static void finish_phase(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_phase_spec *p = object;

    p->has_for = hal9_node_get(n, "for") != NULL;
    if (p->name && !is_name(p->name))
        hal9_decoder_error(d, hal9_node_get(n, "name"),
                           "a phase's name is of letters, digits, - and _, not '%s'", p->name);
    if (p->revert.n > 0 && p->run.n == 0)
        hal9_decoder_error(d, hal9_node_get(n, "revert"), "revert belongs to a run");
    check_set(d, n, p->set);
    for (size_t i = 0; i < p->validate.n; i++) {
        const struct hal9_check *c = p->validate.v[i];

        if (c->driver && strcmp(c->driver->key, "owner") == 0)
            hal9_decoder_error(d, hal9_node_get(n, "validate"),
                               "owner is a check of a service; add the service to health");
    }
}

static const struct hal9_schema phase_schema = {
    .name = "a phase",
    .size = sizeof(struct hal9_phase_spec),
    .fields = phase_fields,
    .finish = finish_phase,
    .doc = "one stop of a migration",
};

static const struct hal9_field fields[] = {
    {.key = "every",
     .type = HAL9_T_DURATION,
     .offset = AT(every_ms),
     .dflt = "30s",
     .doc = "how long a phase is watched that says nothing else"},
    {.key = "phases",
     .type = HAL9_T_LIST,
     .offset = AT(phases),
     .flags = HAL9_F_REQUIRED,
     .sub = &phase_schema,
     .doc = "the stops of the way, in their order"},
    {0},
};

static void check_order(struct hal9_decoder *d, const struct hal9_node *at,
                        const struct hal9_forward_spec *f, size_t k) {
    const struct hal9_phase_spec *p = f->phases.v[k];

    for (size_t i = 0; i < k; i++) {
        const struct hal9_phase_spec *before = f->phases.v[i];

        if (hal9_streq(before->name, p->name))
            hal9_decoder_error(d, at, "there are two phases '%s'", p->name);
        else if (i + 1 == k && before->share > p->share)
            hal9_decoder_error(
                d, at, "phase %s has less traffic than %s before it: %lld %% < %lld %%", p->name,
                before->name, (long long)p->share, (long long)before->share);
    }
}

static const struct hal9_node *phase_node(const struct hal9_node *phases, size_t k) {
    return phases && phases->kind == HAL9_NODE_LIST && k < phases->n ? phases->items[k] : phases;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_forward_spec *f = object;

    if (f->phases.n == 0)
        hal9_decoder_error(d, n, "forward wants phases");
    for (size_t k = 0; k < f->phases.n; k++) {
        struct hal9_phase_spec *p = f->phases.v[k];

        if (!p->has_for)
            p->for_ms = f->every_ms;
        if (p->name)
            check_order(d, phase_node(hal9_node_get(n, "phases"), k), f, k);
    }
}

const struct hal9_schema hal9_forward_schema = {
    .name = "forward",
    .size = sizeof(struct hal9_forward_spec),
    .fields = fields,
    .finish = finish,
    .doc = "how it is migrated, in phases",
};

/* ---- with the plan's parts ---- */

struct kinds {
    size_t fresh, flags, releases;
};

static struct kinds count(const struct hal9_rollback_spec *r) {
    struct kinds k = {0};

    for (size_t i = 0; i < r->parts.n; i++) {
        const struct hal9_part_spec *p = r->parts.v[i];

        k.fresh += p->fresh.n > 0;
        k.flags += p->flags != NULL;
        k.releases += p->release != NULL;
    }
    return k;
}

/* Whether it names a store of the plan, or needn't. */
static bool has_store(const struct hal9_rollback_spec *r, const struct kinds *k, const char *flag) {
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct hal9_part_spec *p = r->parts.v[i];
        const size_t len = p->flags ? strlen(p->flags) : 0;

        if (len > 0 && strncmp(flag, p->flags, len) == 0 && flag[len] == ':')
            return true;
    }
    return k->flags == 1;
}

static void check_phase(struct hal9_decoder *d, const struct hal9_node *at,
                        const struct hal9_rollback_spec *r, const struct kinds *k,
                        const struct hal9_phase_spec *p) {
    const cJSON *one, *flags = flags_in(p->set);

    if (p->share > 0 && k->fresh == 0)
        hal9_decoder_error(d, at,
                           "phase %s sends traffic to new servers; no balancer part of the plan "
                           "names any (new)",
                           p->name);
    if (p->release && k->releases != 1)
        hal9_decoder_error(d, hal9_node_get(at, "release"),
                           "release wants exactly one release part in the plan, which has %zu",
                           k->releases);
    cJSON_ArrayForEach(one, flags) {
        if (k->flags == 0)
            hal9_decoder_error(d, hal9_node_get(at, "set"), "set wants a flags part in the plan");
        else if (!has_store(r, k, one->string))
            hal9_decoder_error(d, hal9_node_get(at, "set"),
                               "the plan has %zu flag stores; name the one of '%s': STORE:%s",
                               k->flags, one->string, one->string);
    }
}

void hal9_forward_finish(struct hal9_decoder *d, const struct hal9_node *plan,
                         const struct hal9_rollback_spec *r) {
    const struct hal9_node *phases = hal9_node_get(hal9_node_get(plan, "forward"), "phases");
    const struct kinds k = count(r);

    for (size_t i = 0; i < r->forward->phases.n; i++) {
        const struct hal9_phase_spec *p = r->forward->phases.v[i];

        if (p->name)
            check_phase(d, phase_node(phases, i), r, &k, p);
    }
}
