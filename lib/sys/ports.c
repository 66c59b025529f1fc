/* Sets of ports. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

void hal9_ports_add(struct hal9_ports *p, uint16_t first, uint16_t last) {
    *HAL9_APPEND(p->v, p->n, p->cap) = (struct hal9_port_range){first, last};
}

bool hal9_ports_has(const struct hal9_ports *p, uint16_t port) {
    for (size_t i = 0; i < p->n; i++)
        if (port >= p->v[i].first && port <= p->v[i].last)
            return true;
    return p->n == 0;
}

void hal9_ports_clear(struct hal9_ports *p) {
    free(p->v);
    *p = (struct hal9_ports){0};
}

/* Digits only: no sign, no blanks. */
static bool parse_port(const char *text, size_t len, uint16_t *ret) {
    unsigned value = 0;
    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *ret = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

hal9_status hal9_ports_parse(const char *text, struct hal9_ports *tcp, struct hal9_ports *udp,
                             struct hal9_error *err) {
    size_t len = strcspn(text, "/");
    size_t dash = strcspn(text, "-/");
    const char *proto = text[len] ? text + len + 1 : "tcp";
    if (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s': the protocol must be tcp or udp, not '%s'",
                              text, proto);
    uint16_t first;
    uint16_t last;
    bool range = text[dash] == '-';
    if (!parse_port(text, dash, &first) ||
        (range && !parse_port(text + dash + 1, len - dash - 1, &last)))
        return hal9_error_set(
            err, HAL9_E_USAGE,
            "'%s' is not a port: 1 to 65535, a range such as 8000-8010, or 53/udp", text);
    if (!range)
        last = first;
    if (last < first)
        return hal9_error_set(err, HAL9_E_USAGE,
                              "'%s': a range goes from the lower port to the higher", text);
    hal9_ports_add(strcmp(proto, "udp") == 0 ? udp : tcp, first, last);
    return HAL9_OK;
}
