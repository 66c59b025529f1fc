/* The owner check: the listener of a port must be this service. */
#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/look.h"
#include "check/runner.h"

struct params {
    uint16_t port;
};

static const struct hal9_field fields[] = {
    {.key = "owner",
     .type = HAL9_T_PORT,
     .offset = offsetof(struct params, port),
     .flags = HAL9_F_REQUIRED,
     .doc = "TCP port whose listener must be this service; port: N implies it"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "owner", .size = sizeof(struct params), .fields = fields};

static char *default_name(const void *params) {
    const struct params *p = params;
    return hal9_strf("owner %u", p->port);
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    if (r->service && !hal9_service_known(r->service))
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL,
                        "nothing tells which program %s is: give it run or identity",
                        hal9_service_word(r->service));
    else
        hal9_check_look(r, HAL9_TCP, p->port);
}

static void tell_nobody(struct hal9_check_run *r, uint16_t port) {
    _cleanup_free_ char *who = NULL;
    if (!r->service) {
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING, "nothing listens on %u", port);
        return;
    }
    switch (hal9_service_running(r->service, &who, hal9_check_evidence(r))) {
    case HAL9_RUNS:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "%s runs but does not listen on %u",
                        who, port);
        break;
    case HAL9_RUNS_NOT:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING,
                        "nothing listens on %u; %s is not running", port,
                        hal9_service_word(r->service));
        break;
    case HAL9_RUNS_HIDDEN:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED,
                        "nothing listens on %u; whether %s runs is not visible to you", port,
                        hal9_service_word(r->service));
        break;
    }
}

static void tell_other(struct hal9_check_run *r, uint16_t port, const struct hal9_owner_view *v) {
    const char *word = hal9_service_word(r->service);
    if (v->besides)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_CONFLICT,
                        "%s is held by %s, while %s listens on %s only", v->address, v->who, word,
                        v->besides);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_CONFLICT, "port %u is held by %s, not %s",
                        port, v->who, word);
}

static void look(struct hal9_check_run *r, struct hal9_look *l) {
    const struct params *p = r->check->params;
    _cleanup_(hal9_owner_view_clear) struct hal9_owner_view v = {.owner = HAL9_OWNER_NOBODY};
    hal9_owner_judge(l, r->service, HAL9_TCP, p->port, NULL, &v);
    hal9_owner_evidence(&v, hal9_check_evidence(r));
    switch (v.owner) {
    case HAL9_OWNER_OURS:
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s listens on %s", v.who, v.address);
        break;
    case HAL9_OWNER_NOBODY:
        tell_nobody(r, p->port);
        break;
    case HAL9_OWNER_OTHER:
        tell_other(r, p->port, &v);
        break;
    case HAL9_OWNER_WRONG:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_WRONG_OWNER, "port %u is held by %s: %s",
                        p->port, v.who, v.why);
        break;
    case HAL9_OWNER_UNKNOWN:
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", v.why);
        break;
    }
}

const struct hal9_check_driver hal9_check_owner_driver = {
    .key = "owner",
    .doc = "a port whose listener must be the service",
    .schema = &schema,
    .name = default_name,
    .start = start,
    .look = look,
};

struct hal9_check *hal9_check_owner(uint16_t port) {
    struct hal9_check *c = hal9_alloc(sizeof(*c));
    struct params *p = hal9_alloc(sizeof(*p));
    p->port = port;
    c->driver = &hal9_check_owner_driver;
    c->params = p;
    c->name = default_name(p);
    c->timeout_ms = 5000;
    c->weight = 1;
    c->rise = 2;
    c->fall = 3;
    c->critical = -1;
    c->spec = cJSON_CreateObject();
    cJSON_AddNumberToObject(c->spec, "owner", port);
    return c;
}
