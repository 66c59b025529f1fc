/* The words of tcp and udp checks. */
#include "check/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/compare.h"
#include "check/text.h"

static void check_escapes(struct hal9_decoder *d, const struct hal9_node *n, const char *text) {
    _cleanup_buf_ struct hal9_buf bytes = {0};
    _cleanup_free_ char *why = NULL;
    if (n && text && !hal9_unescape(text, &bytes, &why))
        hal9_decoder_error(d, n, "%s", why);
}

static bool is_regex(const char *expect) {
    return hal9_startswith(expect, "~ ");
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_talk *t = object;
    const struct hal9_node *to = n->n > 0 ? hal9_node_get(n, "tcp") : NULL;
    const struct hal9_node *expect = hal9_node_get(n, "expect");
    _cleanup_free_ char *host = NULL, *why = NULL, *wrong = NULL;
    uint16_t port;
    if (!to)
        to = hal9_node_get(n, "udp");
    if (to && t->to && !hal9_host_port(t->to, &host, &port, &why))
        hal9_decoder_error(d, to, "%s", why);
    check_escapes(d, hal9_node_get(n, "send"), t->send);
    if (!expect || !t->expect)
        return;
    if (!is_regex(t->expect))
        check_escapes(d, expect, t->expect);
    else if (!hal9_compare_valid(t->expect, &wrong))
        hal9_decoder_error(d, expect, "'%s' %s", t->expect, wrong);
}

#define AT(member) offsetof(struct hal9_talk, member)
static const char *const listeners[] = {"service", "any", NULL};
#define COMPANIONS                                                                             \
    {.key = "send",                                                                            \
     .type = HAL9_T_STRING,                                                                    \
     .offset = AT(send),                                                                       \
     .doc = "text to send, with \\r \\n \\t \\0 \\\\ \\xHH"},                                  \
        {.key = "expect",                                                                      \
         .type = HAL9_T_STRING,                                                                \
         .offset = AT(expect),                                                                 \
         .doc = "text that must come back, with the same escapes, or ~ regex"},                \
        {.key = "listener",                                                                    \
         .type = HAL9_T_CHOICE,                                                                \
         .offset = AT(listener),                                                               \
         .choices = listeners,                                                                 \
         .dflt = "service",                                                                    \
         .doc = "who must have a local port: the service itself, or any (a proxy before it)"}, \
    {                                                                                          \
        0                                                                                      \
    }

static const struct hal9_field tcp_fields[] = {{.key = "tcp",
                                                .type = HAL9_T_STRING,
                                                .offset = AT(to),
                                                .flags = HAL9_F_REQUIRED,
                                                .doc = "host:port to connect to"},
                                               COMPANIONS};
static const struct hal9_field udp_fields[] = {{.key = "udp",
                                                .type = HAL9_T_STRING,
                                                .offset = AT(to),
                                                .flags = HAL9_F_REQUIRED,
                                                .doc = "host:port to send to"},
                                               COMPANIONS};
const struct hal9_schema hal9_tcp_schema = {
    .name = "tcp", .size = sizeof(struct hal9_talk), .fields = tcp_fields, .finish = finish};
const struct hal9_schema hal9_udp_schema = {
    .name = "udp", .size = sizeof(struct hal9_talk), .fields = udp_fields, .finish = finish};

bool hal9_talk_holds(const struct hal9_talk *t, const struct hal9_buf *got) {
    _cleanup_buf_ struct hal9_buf bytes = {0};
    _cleanup_free_ char *why = NULL;
    if (!t->expect)
        return true;
    if (is_regex(t->expect))
        return hal9_compare_body(t->expect, got->data ? got->data : "", got->len, &why);
    if (!hal9_unescape(t->expect, &bytes, &why))
        return false;
    return bytes.len == 0 ||
           (got->len > 0 && memmem(got->data, got->len, bytes.data, bytes.len) != NULL);
}
