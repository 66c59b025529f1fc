/* The disk check: room, inodes, and that the mount can be written. A child asks, as a mount may hang for ever. */
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/kid.h"
#include "check/limit.h"
#include "check/runner.h"

struct params {
    char *path;
    struct hal9_limit free;
    double inodes;
    bool read_only, mounted, told_mounted;
};
#define AT(member) offsetof(struct params, member)
static const struct hal9_field fields[] = {
    {.key = "disk",
     .type = HAL9_T_STRING,
     .offset = AT(path),
     .flags = HAL9_F_REQUIRED,
     .doc = "path of a mount, or of anything on it"},
    {.key = "free",
     .type = HAL9_T_CUSTOM,
     .offset = AT(free),
     .decode = hal9_limit_decode,
     .clear = hal9_limit_clear,
     .form = hal9_limit_form,
     .doc = "room that must be left: 10% or 5Gi; default 5%"},
    {.key = "inodes",
     .type = HAL9_T_PERCENT,
     .offset = AT(inodes),
     .dflt = "5%",
     .doc = "inodes that must be left"},
    {.key = "read_only",
     .type = HAL9_T_BOOL,
     .offset = AT(read_only),
     .doc = "true: it is meant to be read-only; else that is a failure"},
    {.key = "mounted",
     .type = HAL9_T_BOOL,
     .offset = AT(mounted),
     .doc =
         "true: something must be mounted at the path itself; the default where fstab(5) has it"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct params *p = object;
    const struct hal9_node *path = hal9_node_get(n, "disk");
    p->told_mounted = hal9_node_get(n, "mounted");
    if (p->path && path && *p->path != '/')
        hal9_decoder_error(d, path, "'%s' is not an absolute path", p->path);
    if (!p->free.set)
        p->free = (struct hal9_limit){.set = true, .part = 0.05};
}

static const struct hal9_schema schema = {
    .name = "disk", .size = sizeof(struct params), .fields = fields, .finish = finish};

static char *default_name(const void *params) {
    const struct params *p = params;
    return hal9_strf("disk %s", p->path ? p->path : "");
}

/* What the child finds out. */
struct answer {
    hal9_status status;
    struct hal9_disk disk;
    char message[256];
};

static void ask(const void *path, int fd) {
    struct answer a = {0};
    _cleanup_error_ struct hal9_error err = {0};
    a.status = hal9_host_disk(path, &a.disk, &err);
    if (err.message)
        strncpy(a.message, err.message, sizeof(a.message) - 1);
    (void)send(fd, &a, sizeof(a), MSG_NOSIGNAL);
}

static void judge(struct hal9_check_run *r, const struct hal9_disk *d) {
    const struct params *p = r->check->params;
    const double total = d->total ? (double)d->total : 1,
                 percent = 100 * (double)d->available / total;
    _cleanup_free_ char *room = hal9_size_text(d->available);
    _cleanup_free_ char *limit = hal9_limit_text(&p->free);
    cJSON *e = hal9_check_evidence(r);
    cJSON_AddStringToObject(e, "path", p->path);
    cJSON_AddNumberToObject(e, "available", (double)d->available);
    cJSON_AddNumberToObject(e, "total", (double)d->total);
    cJSON_AddNumberToObject(e, "inodes_free", (double)d->inodes_free);
    cJSON_AddBoolToObject(e, "read_only", d->read_only);
    hal9_check_value(r, "%", "%.1f", percent);
    if (!d->mounted && (p->told_mounted ? p->mounted : d->wanted))
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "nothing is mounted at %s%s; these would be the figures of what it lies on",
                        p->path, d->wanted ? ", where fstab wants something" : "");
    else if (d->read_only && !p->read_only)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE, "%s is read-only", p->path);
    else if (!hal9_limit_met(&p->free, (double)d->available, (double)d->total))
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "%s has %s left (%.1f%%), less than %s", p->path, room, percent, limit);
    else if (d->inodes > 0 && (double)d->inodes_free < p->inodes * (double)d->inodes)
        /* File systems that make inodes as they need them tell none. */
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                        "%s has %.1f%% of its inodes left, less than %.3g%%", p->path,
                        100 * (double)d->inodes_free / (double)d->inodes, 100 * p->inodes);
    else
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s left (%.1f%%)", room, percent);
}

static void on_done(void *data, const struct hal9_kid_result *result) {
    struct hal9_check_run *r = data;
    struct answer a;
    r->own = NULL;
    if (result->out[0].len != sizeof(a)) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL,
                        "the child that asked ended without an answer");
        return;
    }
    memcpy(&a, result->out[0].data, sizeof(a));
    if (a.status == HAL9_OK)
        judge(r, &a.disk);
    else if (a.status == HAL9_E_PERM)
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", a.message);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE, "%s", a.message);
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_child child = HAL9_CHILD_INIT;
    int fd = -1;
    if (hal9_spawn_call(ask, p->path, &child, &fd, &err) != HAL9_OK)
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
    else
        r->own = hal9_kid_watch(r->loop, &child, fd, -1, sizeof(struct answer), on_done, r);
}

static void cancel(struct hal9_check_run *r) {
    hal9_kid_kill(HAL9_TAKE_PTR(r->own));
}

static void on_timeout(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_free_ char *span = hal9_span_text(r->check->timeout_ms);
    cancel(r);
    hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE,
                    "%s gave no answer within %s: does its server hang?", p->path, span);
}

const struct hal9_check_driver hal9_check_disk_driver = {
    .key = "disk",
    .doc = "a mount that must have room and be writable",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
    .cancel = cancel,
    .timeout = on_timeout,
};
