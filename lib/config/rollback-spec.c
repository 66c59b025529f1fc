/* The schema of rollback: the plans and their parts. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_rollback_spec, member)
#define PART(member) offsetof(struct hal9_part_spec, member)

/* drain: {timeout: 30s, grace: 2s}; its fields live in the part itself, so the offsets are the part's. */
static const struct hal9_field drain_fields[] = {
    {.key = "timeout",
     .type = HAL9_T_DURATION,
     .offset = PART(drain_timeout_ms),
     .dflt = "30s",
     .doc = "how long sessions of the new servers may take to end"},
    {.key = "grace",
     .type = HAL9_T_DURATION,
     .offset = PART(grace_ms),
     .dflt = "2s",
     .doc = "how long to wait once none is left"},
    {0},
};
static const struct hal9_schema drain_schema = {
    .name = "drain",
    .size = sizeof(struct hal9_part_spec),
    .fields = drain_fields,
    .doc = "how the new servers are emptied",
};

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
    {.key = "command",
     .type = HAL9_T_STRING,
     .offset = PART(command),
     .doc = "name of what only commands of the site's own can change, such as a schema"},
    {.key = "apply",
     .type = HAL9_T_STRV,
     .offset = PART(apply),
     .doc = "command: argv that brings it about; a text that begins with sh: is run by a shell"},
    {.key = "verify",
     .type = HAL9_T_STRV,
     .offset = PART(verify),
     .doc = "command: argv that ends with 0 where it is so, with 1 to 125 where it isn't"},
    {.key = "state",
     .type = HAL9_T_STRV,
     .offset = PART(state),
     .doc = "command: argv that prints how it is, such as a version"},
    {.key = "revert",
     .type = HAL9_T_STRV,
     .offset = PART(revert),
     .doc = "command: argv that takes it back"},
    {.key = "timeout",
     .type = HAL9_T_DURATION,
     .offset = PART(timeout_ms),
     .dflt = "60s",
     .doc = "command: how long each may take; then it is killed"},
    {.key = "service",
     .type = HAL9_T_STRING,
     .offset = PART(service),
     .doc = "name of an entry of services: the revision that runs, and whether it does"},
    {.key = "needs",
     .type = HAL9_T_STRV,
     .offset = PART(needs),
     .doc = "other parts that this one works only together with: flags, files, flags:main"},
    {.key = "drain",
     .type = HAL9_T_MAP,
     .offset = 0,
     .sub = &drain_schema,
     .doc = "of a balancer: how the new servers are emptied"},
    {0},
};

/* A shell only where it is told: "sh: psql -c '...' | sort" stands for /bin/sh -c "psql ...". */
static void take_shell(struct hal9_decoder *d, const struct hal9_node *n, const char *key,
                       struct hal9_strv *argv) {
    if (argv->n == 0)
        return;
    if (!*argv->v[0])
        hal9_decoder_error(d, hal9_node_get(n, key), "%s wants a program first", key);
    if (argv->n != 1 || !hal9_startswith(argv->v[0], "sh:"))
        return;
    _cleanup_free_ char *text = hal9_strdup(argv->v[0] + 3 + strspn(argv->v[0] + 3, " "));

    if (!*text)
        hal9_decoder_error(d, hal9_node_get(n, key), "sh: wants what the shell shall run");
    hal9_strv_free(argv);
    hal9_strv_add(argv, "/bin/sh");
    hal9_strv_add(argv, "-c");
    hal9_strv_add(argv, text);
}

static void finish_command(struct hal9_decoder *d, const struct hal9_node *n,
                           struct hal9_part_spec *p) {
    static const char *const keys[] = {"apply", "verify", "state", "revert", "timeout"};
    struct hal9_strv *const argvs[] = {&p->apply, &p->verify, &p->state, &p->revert};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(argvs); i++)
        take_shell(d, n, keys[i], argvs[i]);
    for (size_t i = 0; !p->command && i < HAL9_ARRAY_LEN(keys); i++)
        if (hal9_node_get(n, keys[i]))
            hal9_decoder_error(d, hal9_node_get(n, keys[i]), "%s belongs to a command part",
                               keys[i]);
    if (!p->command)
        return;
    if (!*p->command || strpbrk(p->command, "/ \t\n"))
        hal9_decoder_error(d, hal9_node_get(n, "command"),
                           "command wants a name without blanks and slashes; its argv is apply");
    if (p->apply.n == 0)
        hal9_decoder_error(d, n, "a command part wants apply");
    if (p->verify.n == 0 && p->state.n == 0)
        hal9_decoder_error(d, n,
                           "a command part wants verify or state: else nothing tells how it is");
    if (p->timeout_ms <= 0)
        hal9_decoder_error(d, hal9_node_get(n, "timeout"), "timeout wants more than nothing");
}

static void finish_part(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_part_spec *p = object;
    int kinds = (p->balancer != NULL) + (p->flags != NULL) + (p->files.n > 0) +
                (p->release != NULL) + (p->command != NULL) + (p->service != NULL);

    p->node = n;
    if (kinds != 1)
        hal9_decoder_error(d, n,
                           "a part wants exactly one of balancer, flags, files, release, command "
                           "and service, not %d",
                           kinds);
    finish_command(d, n, p);
    if (p->balancer && !p->backend)
        hal9_decoder_error(d, n, "a balancer part wants a backend");
    if (!p->balancer && (p->backend || p->fresh.n > 0))
        hal9_decoder_error(d, n, "backend and new belong to a balancer part");
    if (!p->balancer && hal9_node_get(n, "drain"))
        hal9_decoder_error(d, hal9_node_get(n, "drain"), "drain belongs to a balancer part");
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

/* verify: {tries: 10, every: 3s}, likewise. */
static const struct hal9_field verify_fields[] = {
    {.key = "tries",
     .type = HAL9_T_INT,
     .offset = AT(verify_tries),
     .dflt = "10",
     .min = 1,
     .max = 1000,
     .doc = "how often what is restored is read back until it is so"},
    {.key = "every",
     .type = HAL9_T_DURATION,
     .offset = AT(verify_every_ms),
     .dflt = "3s",
     .doc = "time between two tries"},
    {0},
};
static const struct hal9_schema verify_schema = {
    .name = "verify",
    .size = sizeof(struct hal9_rollback_spec),
    .fields = verify_fields,
    .doc = "how what is restored is read back",
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
    {.key = "metrics",
     .type = HAL9_T_PTR,
     .offset = AT(metrics),
     .sub = &hal9_metrics_schema,
     .doc = "figures that must be good after each stop"},
    {.key = "forward",
     .type = HAL9_T_PTR,
     .offset = AT(forward),
     .sub = &hal9_forward_schema,
     .doc = "how it is migrated, in phases"},
    {.key = "verify",
     .type = HAL9_T_MAP,
     .offset = 0,
     .sub = &verify_schema,
     .doc = "how what is restored is read back"},
    {.key = "on_unknown",
     .type = HAL9_T_DURATION,
     .offset = AT(on_unknown_ms),
     .dflt = "5m",
     .doc = "how long a gate without data holds before it asks"},
    {.key = "trigger",
     .type = HAL9_T_PTR,
     .offset = AT(trigger),
     .sub = &hal9_trigger_schema,
     .doc = "when hal9-rollback watch rolls back by itself"},
    {.key = "keep",
     .type = HAL9_T_INT,
     .offset = AT(keep),
     .min = 0,
     .max = 1000000,
     .doc =
         "so many of its snapshots without a name stay when hal9-rollback tick comes by; 0: all"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_rollback_spec *r = object;
    const struct hal9_node *trigger = hal9_node_get(n, "trigger");
    const struct hal9_limit_spec *rate = r->trigger ? r->trigger->error_rate : NULL;

    r->node = n;
    if (r->trigger && r->trigger->score && r->health.n == 0)
        hal9_decoder_error(d, hal9_node_get(trigger, "score"),
                           "score is that of the services in health, and the plan has none");
    if (rate && rate->requests && !r->metrics)
        hal9_decoder_error(d, hal9_node_get(hal9_node_get(trigger, "error_rate"), "requests"),
                           "requests is asked of the Prometheus server of metrics, and the plan "
                           "has none");
    if (r->forward)
        hal9_forward_finish(d, n, r);
}

const struct hal9_schema hal9_rollback_schema = {
    .name = "a rollback plan",
    .size = sizeof(struct hal9_rollback_spec),
    .fields = fields,
    .finish = finish,
    .doc = "what a migration touched and how it is taken back",
};
