/* The schema of services: what a service is, how it runs, stops, proves itself. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

#define AT(member) offsetof(struct hal9_service, member)
#define GATE(member) offsetof(struct hal9_gate_spec, member)
#define RESTART(member) offsetof(struct hal9_restart_spec, member)
#define LOGS(member) offsetof(struct hal9_logs_spec, member)
#define DRAIN(member) offsetof(struct hal9_drain_spec, member)
#define RELEASE(member) offsetof(struct hal9_release_spec, member)

static const struct hal9_field gate_fields[] = {
    {.key = "within",
     .type = HAL9_T_DURATION,
     .offset = GATE(within_ms),
     .dflt = "60s",
     .doc = "how long the service may take to be healthy after its start"},
    {.key = "interval",
     .type = HAL9_T_DURATION,
     .offset = GATE(interval_ms),
     .dflt = "1s",
     .doc = "longest pause between two rounds of checks"},
    {.key = "rise",
     .type = HAL9_T_INT,
     .offset = GATE(rise),
     .dflt = "1",
     .min = 1,
     .max = 100,
     .doc = "rounds in a row that must pass"},
    {0},
};
static const struct hal9_schema gate_schema = {.name = "gate",
                                               .size = sizeof(struct hal9_gate_spec),
                                               .fields = gate_fields,
                                               .doc = "when a started service counts as healthy"};

static const struct hal9_field restart_fields[] = {
    {.key = "limit",
     .type = HAL9_T_STRING,
     .offset = RESTART(limit),
     .doc = "restarts allowed in a time, such as 5 in 10m; default: no limit"},
    {.key = "dependants",
     .type = HAL9_T_BOOL,
     .offset = RESTART(dependants),
     .dflt = "false",
     .doc = "restart the services that depend on it, too"},
    {0},
};

/* "5 in 10m" */
static bool parse_limit(const char *text, int *ret_count, int64_t *ret_ms) {
    const char *in = strstr(text, " in ");
    _cleanup_free_ char *number = in ? hal9_strndup(text, (size_t)(in - text)) : NULL;
    int64_t count;

    if (!in || hal9_parse_int(number, 1, 1000000, &count, NULL) != HAL9_OK ||
        hal9_parse_duration(in + strlen(" in "), ret_ms, NULL) != HAL9_OK)
        return false;
    *ret_count = (int)count;
    return true;
}

static void finish_restart(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_restart_spec *r = object;

    if (r->limit && !parse_limit(r->limit, &r->limit_count, &r->limit_ms))
        hal9_decoder_error(d, hal9_node_get(n, "limit"),
                           "limit wants a count and a time such as 5 in 10m, not '%s'", r->limit);
}
static const struct hal9_schema restart_schema = {.name = "restart",
                                                  .size = sizeof(struct hal9_restart_spec),
                                                  .fields = restart_fields,
                                                  .finish = finish_restart,
                                                  .doc = "how often, and what with it"};

static const struct hal9_field logs_fields[] = {
    {.key = "files",
     .type = HAL9_T_STRV,
     .offset = LOGS(files),
     .doc = "log files, with wildcards"},
    {.key = "journal",
     .type = HAL9_T_STRING,
     .offset = LOGS(journal),
     .doc = "unit whose journal belongs to it"},
    {.key = "last",
     .type = HAL9_T_DURATION,
     .offset = LOGS(last_ms),
     .dflt = "15m",
     .doc = "how far back a bundle reaches"},
    {.key = "max",
     .type = HAL9_T_SIZE,
     .offset = LOGS(max),
     .dflt = "16Mi",
     .doc = "bytes of logs in a bundle, the newest of each"},
    {.key = "within",
     .type = HAL9_T_DURATION,
     .offset = LOGS(within_ms),
     .dflt = "10s",
     .doc = "how long a bundle may take"},
    {0},
};
static const struct hal9_schema logs_schema = {.name = "logs",
                                               .size = sizeof(struct hal9_logs_spec),
                                               .fields = logs_fields,
                                               .doc = "where its logs are"};

static const struct hal9_field drain_fields[] = {
    {.key = "balancer",
     .type = HAL9_T_STRING,
     .offset = DRAIN(balancer),
     .flags = HAL9_F_REQUIRED,
     .doc = "name of an entry of balancers"},
    {.key = "backend",
     .type = HAL9_T_STRING,
     .offset = DRAIN(backend),
     .doc = "backend of the balancer; default: the service's name"},
    {.key = "server",
     .type = HAL9_T_STRING,
     .offset = DRAIN(server),
     .doc = "server of the backend; default: the one with this host's address and port"},
    {.key = "timeout",
     .type = HAL9_T_DURATION,
     .offset = DRAIN(timeout_ms),
     .dflt = "30s",
     .doc = "longest wait for its connections to end"},
    {.key = "grace",
     .type = HAL9_T_DURATION,
     .offset = DRAIN(grace_ms),
     .dflt = "2s",
     .doc = "pause after the last connection"},
    {.key = "min_up",
     .type = HAL9_T_INT,
     .offset = DRAIN(min_up),
     .dflt = "1",
     .min = 0,
     .max = 10000,
     .doc = "servers that must stay up"},
    {0},
};
static const struct hal9_schema drain_schema = {.name = "drain",
                                                .size = sizeof(struct hal9_drain_spec),
                                                .fields = drain_fields,
                                                .doc = "traffic taken off before a stop"};

static const char *const reverts[] = {"changed", "never", NULL};
static const struct hal9_field release_fields[] = {
    {.key = "current",
     .type = HAL9_T_STRING,
     .offset = RELEASE(current),
     .flags = HAL9_F_REQUIRED,
     .doc = "symlink to the release in use"},
    {.key = "keep",
     .type = HAL9_T_INT,
     .offset = RELEASE(keep),
     .dflt = "5",
     .min = 1,
     .max = 1000,
     .doc = "releases kept beside it"},
    {.key = "revert",
     .type = HAL9_T_CHOICE,
     .offset = RELEASE(revert),
     .dflt = "changed",
     .choices = reverts,
     .doc =
         "changed: back to the last healthy release when the current one was never healthy; never"},
    {0},
};
static const struct hal9_schema release_schema = {.name = "release",
                                                  .size = sizeof(struct hal9_release_spec),
                                                  .fields = release_fields,
                                                  .doc = "releases side by side, one in use"};

static void add_port(struct hal9_decoder *d, const struct hal9_node *n, struct hal9_ports *ports) {
    _cleanup_error_ struct hal9_error err = {0};
    int64_t port;

    if (n->kind == HAL9_NODE_LIST || n->kind == HAL9_NODE_MAP || n->kind == HAL9_NODE_NULL ||
        hal9_parse_int(n->text, 1, 65535, &port, &err) != HAL9_OK) {
        hal9_decoder_error(d, n, "a port wants a number from 1 to 65535%s%s%s",
                           n->text ? ", not '" : "", n->text ? n->text : "", n->text ? "'" : "");
        return;
    }
    if (ports->n > 0 && hal9_ports_has(ports, (uint16_t)port))
        hal9_decoder_error(d, n, "port %d is told twice", (int)port);
    else
        hal9_ports_add(ports, (uint16_t)port, (uint16_t)port);
}

static void decode_ports(struct hal9_decoder *d, const struct hal9_node *n,
                         const struct hal9_field *f, void *field) {
    (void)f;
    if (n->kind != HAL9_NODE_LIST) {
        add_port(d, n, field);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        add_port(d, n->items[i], field);
}

static void clear_ports(void *field) {
    hal9_ports_clear(field);
}

#define PORT_FORM "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}"

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_KEY,
     .doc = "what everything else calls it"},
    {.key = "port",
     .type = HAL9_T_CUSTOM,
     .offset = AT(ports),
     .decode = decode_ports,
     .clear = clear_ports,
     .form = PORT_FORM,
     .doc = "TCP port whose listener must be this service"},
    {.key = "ports",
     .type = HAL9_T_CUSTOM,
     .offset = AT(ports),
     .decode = decode_ports,
     .form = "{\"anyOf\":[" PORT_FORM ",{\"type\":\"array\",\"items\":" PORT_FORM "}]}",
     .doc = "TCP ports whose listeners must be this service"},
    {.key = "run",
     .type = HAL9_T_PTR,
     .offset = AT(run),
     .sub = &hal9_run_schema,
     .doc = "how it runs"},
    {.key = "identity",
     .type = HAL9_T_MAP,
     .offset = AT(identity),
     .sub = &hal9_identity_schema,
     .doc = "how its processes are known; default: from run"},
    {.key = "stop",
     .type = HAL9_T_MAP,
     .offset = AT(stop),
     .sub = &hal9_stop_schema,
     .doc = "how it is stopped"},
    {.key = "preflight",
     .type = HAL9_T_STRV,
     .offset = AT(preflight),
     .doc = "argv that checks its configuration before anything is stopped"},
    {.key = "gate",
     .type = HAL9_T_MAP,
     .offset = AT(gate),
     .sub = &gate_schema,
     .doc = "when a started service counts as healthy"},
    {.key = "conflicts",
     .type = HAL9_T_STRV,
     .offset = AT(conflicts),
     .doc = "programs that may be stopped without asking when one holds the port: exe path, name "
            "of exe or script, or unit"},
    {.key = "depends",
     .type = HAL9_T_STRV,
     .offset = AT(depends),
     .doc = "services that must be healthy before it"},
    {.key = "restart",
     .type = HAL9_T_MAP,
     .offset = AT(restart),
     .sub = &restart_schema,
     .doc = "how often it may be restarted"},
    {.key = "checks",
     .type = HAL9_T_LIST,
     .offset = AT(checks),
     .sub = &hal9_check_schema,
     .doc = "what must hold for it to be healthy"},
    {.key = "logs",
     .type = HAL9_T_PTR,
     .offset = AT(logs),
     .sub = &logs_schema,
     .doc = "where its logs are"},
    {.key = "drain",
     .type = HAL9_T_PTR,
     .offset = AT(drain),
     .sub = &drain_schema,
     .doc = "traffic taken off before a stop"},
    {.key = "release",
     .type = HAL9_T_PTR,
     .offset = AT(release),
     .sub = &release_schema,
     .doc = "releases side by side, one in use"},
    {0},
};

/* `port` implies that its listener is this service: those checks come first. */
static void imply_owner_checks(struct hal9_service *s) {
    struct hal9_list all = {0};

    for (size_t i = 0; i < s->ports.n; i++)
        *HAL9_APPEND(all.v, all.n, all.cap) = hal9_check_owner(s->ports.v[i].first);
    for (size_t i = 0; i < s->checks.n; i++)
        *HAL9_APPEND(all.v, all.n, all.cap) = s->checks.v[i];
    free(s->checks.v);
    s->checks = all;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_service *s = object;

    s->node = n;
    if (s->run && hal9_identity_empty(&s->identity))
        hal9_identity_default(s->run, &s->identity);
    if (s->ports.n > 0 && hal9_identity_empty(&s->identity)) {
        hal9_decoder_error(
            d, hal9_node_get(n, "port") ? hal9_node_get(n, "port") : n,
            "a port must belong to a known program, but neither run nor identity tells which");
        hal9_decoder_hint(d, "add for example  identity: {exe: /usr/sbin/%s}",
                          s->name ? s->name : "server");
    }
    imply_owner_checks(s);
}

const struct hal9_schema hal9_service_schema = {
    .name = "a service",
    .size = sizeof(struct hal9_service),
    .fields = fields,
    .finish = finish,
    .doc = "a service: what it is, how it runs, stops and proves itself",
};
