/* The identity section: how the processes of a service are known. */
#include "workload/workload-internal.h"

#define AT(member) offsetof(struct hal9_identity, member)

static const struct hal9_field fields[] = {
    {.key = "exe",
     .type = HAL9_T_STRING,
     .offset = AT(exe),
     .flags = HAL9_F_SCALAR,
     .doc = "path of its executable or script; any kept release of it counts, replaced on disk or "
            "not"},
    {.key = "unit", .type = HAL9_T_STRING, .offset = AT(unit), .doc = "systemd unit it runs in"},
    {.key = "user", .type = HAL9_T_STRING, .offset = AT(user), .doc = "user it runs as"},
    {.key = "cmdline",
     .type = HAL9_T_STRING,
     .offset = AT(cmdline),
     .doc = "text in its arguments, joined by blanks (for java, python, node)"},
    {.key = "container",
     .type = HAL9_T_STRING,
     .offset = AT(container),
     .doc = "id of the container it runs in"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_identity *i = object;
    if (i->exe && i->exe[0] != '/') {
        hal9_decoder_error(d, hal9_node_get(n, "exe") ? hal9_node_get(n, "exe") : n,
                           "exe wants an absolute path, not '%s'", i->exe);
        hal9_decoder_hint(d, "a program's path: command -v %s", i->exe);
    }
}

const struct hal9_schema hal9_identity_schema = {.name = "identity",
                                                 .size = sizeof(struct hal9_identity),
                                                 .fields = fields,
                                                 .finish = finish,
                                                 .doc = "how its processes are known"};
