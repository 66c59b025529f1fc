/* The file check: its age, its size, its content. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "check/compare.h"
#include "check/drivers.h"
#include "check/kid.h"
#include "check/runner.h"
#include "hal9ops/sys.h"

#define MAX_CONTENT ((size_t)16 * 1024 * 1024)

struct params {
    char *path, *contains;
    int64_t newer, older;
    uint64_t larger;
    bool has_larger;
};
#define AT(member) offsetof(struct params, member)
static const struct hal9_field fields[] = {
    {.key = "file",
     .type = HAL9_T_STRING,
     .offset = AT(path),
     .flags = HAL9_F_REQUIRED,
     .doc = "path of a file, which must be there"},
    {.key = "newer",
     .type = HAL9_T_DURATION,
     .offset = AT(newer),
     .doc = "it was written within this time"},
    {.key = "older",
     .type = HAL9_T_DURATION,
     .offset = AT(older),
     .doc = "it was not written within this time"},
    {.key = "larger", .type = HAL9_T_SIZE, .offset = AT(larger), .doc = "it has more bytes"},
    {.key = "contains",
     .type = HAL9_T_STRING,
     .offset = AT(contains),
     .doc = "text that is in it, or ~ regex"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct params *p = object;
    _cleanup_free_ char *why = NULL;
    const struct hal9_node *contains = hal9_node_get(n, "contains");
    p->has_larger = hal9_node_get(n, "larger");
    if (contains && p->contains && hal9_startswith(p->contains, "~ ") &&
        !hal9_compare_valid(p->contains, &why))
        hal9_decoder_error(d, contains, "'%s' %s", p->contains, why);
}

static const struct hal9_schema schema = {
    .name = "file", .size = sizeof(struct params), .fields = fields, .finish = finish};

static char *default_name(const void *params) {
    const struct params *p = params;
    return hal9_strf("file %s", p->path ? p->path : "");
}

static int64_t age_ms(const struct stat *st) {
    return hal9_now_ms() - ((int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000);
}

/* What is wrong with its facts, fresh, or NULL. */
static char *judge_facts(const struct params *p, const struct stat *st) {
    const int64_t age = age_ms(st);
    _cleanup_free_ char *old = hal9_span_text(age > 0 ? age : 0);
    if (p->newer > 0 && age > p->newer) {
        _cleanup_free_ char *limit = hal9_span_text(p->newer);
        return hal9_strf("%s is %s old, not newer than %s", p->path, old, limit);
    }
    if (p->older > 0 && age < p->older) {
        _cleanup_free_ char *limit = hal9_span_text(p->older);
        return hal9_strf("%s is %s old, not older than %s", p->path, old, limit);
    }
    if (p->has_larger && (uint64_t)st->st_size <= p->larger)
        return hal9_strf("%s has %lld bytes, not more than %llu", p->path, (long long)st->st_size,
                         (unsigned long long)p->larger);
    return NULL;
}

static bool is_in(const char *want, const struct hal9_buf *content) {
    _cleanup_free_ char *why = NULL;
    const char *bytes = content->data ? content->data : "";
    if (hal9_startswith(want, "~ "))
        return hal9_compare_body(want, bytes, content->len, &why);
    return memmem(bytes, content->len, want, strlen(want)) != NULL;
}

/* What the child finds out: whoever looks at a file of a mount whose server hangs may wait for ever. */
struct answer {
    enum hal9_check_state state;
    int64_t bytes, age_ms; /* bytes < 0: not known */
    char reason[512];
};

HAL9_PRINTF(3, 4)
static void conclude(struct answer *a, enum hal9_check_state state, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    a->state = state;
    snprintf(a->reason, sizeof(a->reason), "%s", text);
}

static void judge_content(const struct params *p, struct answer *a) {
    _cleanup_buf_ struct hal9_buf content = {0};
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_file_read(p->path, MAX_CONTENT, &content, &err) != HAL9_OK)
        conclude(a, HAL9_CHECK_UNKNOWN, "%s", err.message);
    else if (is_in(p->contains, &content))
        conclude(a, HAL9_CHECK_PASS, "it contains '%.200s'", p->contains);
    else
        conclude(a, HAL9_CHECK_FAIL, "%s does not contain '%.200s'", p->path, p->contains);
}

static void look(const struct params *p, struct answer *a) {
    struct stat st;
    if (stat(p->path, &st) != 0) {
        const bool gone = errno == ENOENT || errno == ENOTDIR;
        conclude(a, gone ? HAL9_CHECK_FAIL : HAL9_CHECK_UNKNOWN, "%s: %s", p->path,
                 strerror(errno));
        return;
    }
    a->bytes = (int64_t)st.st_size;
    a->age_ms = age_ms(&st);
    _cleanup_free_ char *old = hal9_span_text(a->age_ms > 0 ? a->age_ms : 0);
    _cleanup_free_ char *wrong = judge_facts(p, &st);
    if (wrong)
        conclude(a, HAL9_CHECK_FAIL, "%s", wrong);
    else if (p->contains)
        judge_content(p, a);
    else
        conclude(a, HAL9_CHECK_PASS, "%lld bytes, %s old", (long long)a->bytes, old);
}

static void ask(const void *params, int fd) {
    struct answer a = {.bytes = -1};
    look(params, &a);
    (void)send(fd, &a, sizeof(a), MSG_NOSIGNAL);
}

static void on_done(void *data, const struct hal9_kid_result *result) {
    struct hal9_check_run *r = data;
    struct answer a;
    r->own = NULL;
    if (result->out[0].len != sizeof(a)) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL,
                        "the child that looked ended without an answer");
        return;
    }
    memcpy(&a, result->out[0].data, sizeof(a));
    if (a.bytes >= 0) {
        hal9_check_value(r, "bytes", "%lld", (long long)a.bytes);
        hal9_json_add_int(hal9_check_evidence(r), "age_ms", a.age_ms);
    }
    hal9_check_done(r, a.state, a.state == HAL9_CHECK_FAIL ? HAL9_CAUSE_RESOURCE : NULL, "%s",
                    a.reason);
}

static void start(struct hal9_check_run *r) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_child child = HAL9_CHILD_INIT;
    int fd = -1;
    if (hal9_spawn_call(ask, r->check->params, &child, &fd, &err) != HAL9_OK)
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

const struct hal9_check_driver hal9_check_file_driver = {
    .key = "file",
    .doc = "a file that must be there, fresh, large enough",
    .of_host = true,
    .schema = &schema,
    .name = default_name,
    .start = start,
    .cancel = cancel,
    .timeout = on_timeout,
};
