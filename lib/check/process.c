/* The process check: so many processes must run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "check/compare.h"
#include "check/drivers.h"
#include "check/kid.h"
#include "check/look.h"
#include "check/runner.h"

struct which {
    char *name, *exe, *unit, *pidfile;
};
struct params {
    struct which which;
    char *count;
};

#define AT(member) offsetof(struct which, member)
static const struct hal9_field which_fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_SCALAR,
     .doc = "its program's or script's name"},
    {.key = "exe", .type = HAL9_T_STRING, .offset = AT(exe), .doc = "path of its program"},
    {.key = "unit", .type = HAL9_T_STRING, .offset = AT(unit), .doc = "its systemd service"},
    {.key = "pidfile", .type = HAL9_T_STRING, .offset = AT(pidfile), .doc = "file with its pid"},
    {0},
};
#undef AT

static void finish_which(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct which *w = object;
    if (!w->name && !w->exe && !w->unit && !w->pidfile)
        hal9_decoder_error(d, n, "process needs a name, exe, unit or pidfile");
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct params *p = object;
    _cleanup_free_ char *why = NULL;
    const struct hal9_node *count = hal9_node_get(n, "count");
    if (count && p->count && !hal9_compare_valid(p->count, &why))
        hal9_decoder_error(d, count, "'%s' %s", p->count, why);
}

static const struct hal9_schema which_schema = {.name = "process",
                                                .size = sizeof(struct which),
                                                .fields = which_fields,
                                                .finish = finish_which};
#define AT(member) offsetof(struct params, member)
static const struct hal9_field fields[] = {
    {.key = "process",
     .type = HAL9_T_MAP,
     .offset = AT(which),
     .flags = HAL9_F_REQUIRED,
     .sub = &which_schema,
     .doc = "a name, or {exe, unit, pidfile}: all that is told must match"},
    {.key = "count",
     .type = HAL9_T_STRING,
     .offset = AT(count),
     .dflt = ">= 1",
     .doc = "how many must run"},
    {0},
};
#undef AT
static const struct hal9_schema schema = {
    .name = "process", .size = sizeof(struct params), .fields = fields, .finish = finish};

static const char *word_of(const struct which *w) {
    return w->name ? w->name : w->exe ? w->exe : w->unit ? w->unit : w->pidfile ? w->pidfile : "";
}

static char *default_name(const void *params) {
    const struct params *p = params;
    return hal9_strf("process %s", word_of(&p->which));
}

struct search {
    const struct which *which;
    struct hal9_identity identity;
    pid_t pid; /* of the pidfile; 0: any */
    size_t found, hidden;
    struct hal9_proc first;
};

static int visit(const struct hal9_proc *p, void *data) {
    struct search *s = data;
    if (p->state == 'Z' || p->state == 'X' || (s->pid > 0 && p->id.pid != s->pid))
        return 0;
    if (s->which->name && !hal9_proc_named(p, s->which->name))
        return 0;
    if (!hal9_identity_empty(&s->identity)) {
        const enum hal9_match m = hal9_identity_match(&s->identity, p);
        s->hidden += m == HAL9_CANT_TELL && hal9_identity_plausible(&s->identity, p);
        if (m != HAL9_MATCH)
            return 0;
    }
    if (s->found++ == 0)
        hal9_proc_copy(&s->first, p);
    return 0;
}

/* What the child finds: a pid file, and the program itself, may lie on a mount whose server hangs. */
struct told {
    bool none;     /* the pid file tells no pid, for the reason why */
    pid_t pid;     /* 0: any */
    char why[256]; /* for HAL9_CAUSE_NOT_RUNNING */
};

static void read_pidfile(const char *path, struct told *t) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error err = {0};
    int64_t pid;
    t->none = true;
    if (hal9_file_read(path, 64, &text, &err) != HAL9_OK) {
        snprintf(t->why, sizeof(t->why), "%s", err.message);
        return;
    }
    char *number = text.data ? text.data : (char[]){""};
    number[strcspn(number, " \t\r\n")] = '\0';
    t->none = hal9_parse_int(number, 1, INT32_MAX, &pid, NULL) != HAL9_OK;
    if (t->none)
        snprintf(t->why, sizeof(t->why), "%s holds no pid", path);
    else
        t->pid = (pid_t)pid;
}

static void ask(const void *params, int fd) {
    const struct params *p = params;
    struct told t = {0};
    struct stat st;
    if (p->which.pidfile)
        read_pidfile(p->which.pidfile, &t);
    if (p->which.exe)
        (void)stat(p->which.exe, &st);
    (void)send(fd, &t, sizeof(t), MSG_NOSIGNAL);
}

/* What a check with paths has on its way: the child that tries them, then what it told. */
struct reading {
    struct hal9_kid *kid;
    struct told told;
};

static void drop_reading(struct hal9_check_run *r) {
    struct reading *g = HAL9_TAKE_PTR(r->own);
    if (g && g->kid)
        hal9_kid_kill(g->kid);
    free(g);
}

static void on_told(void *data, const struct hal9_kid_result *result) {
    struct hal9_check_run *r = data;
    struct reading *g = r->own;
    g->kid = NULL;
    if (result->out[0].len == sizeof(g->told))
        memcpy(&g->told, result->out[0].data, sizeof(g->told));
    else {
        g->told.none = true;
        snprintf(g->told.why, sizeof(g->told.why), "%s could not be read",
                 word_of(&((const struct params *)r->check->params)->which));
    }
    hal9_check_look(r, HAL9_TCP, 0);
}

static void tell(struct hal9_check_run *r, struct search *s) {
    const struct params *p = r->check->params;
    _cleanup_free_ char *why = NULL, *who = s->found ? hal9_proc_who(&s->first) : NULL;
    const char *word = word_of(s->which);
    if (s->found > 0)
        hal9_proc_evidence(&s->first, hal9_check_evidence(r));
    hal9_check_value(r, "processes", "%zu", s->found);
    /* "< 3" is a limit: that none runs is fine only where that was told (0, "< 1"). */
    _cleanup_free_ char *over = NULL;
    const bool limit = s->found == 0 && hal9_compare_number(p->count, 1, &over);
    if (!limit && hal9_compare_number(p->count, (double)s->found, &why)) {
        _cleanup_free_ char *many = hal9_strf("%zu of %s run", s->found, word);
        _cleanup_free_ char *one = hal9_strf("%s runs", who ? who : "");
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s", s->found == 1 ? one : many);
    } else if (s->hidden > 0)
        hal9_check_done(
            r, HAL9_CHECK_UNKNOWN, NULL,
            "%zu of %s found, but %zu processes are not visible to you (uid %u); run as root",
            s->found, word, s->hidden, (unsigned)getuid());
    else if (s->found == 0)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING, "no process %s", word);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "%zu of %s run, not %s", s->found,
                        word, p->count);
}

static void look(struct hal9_check_run *r, struct hal9_look *l) {
    const struct params *p = r->check->params;
    const struct reading *g = r->own;
    _cleanup_error_ struct hal9_error err = {0};
    struct search s = {.which = &p->which,
                       .identity = {.exe = p->which.exe, .unit = p->which.unit}};
    (void)l;
    if (g && g->told.none) {
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING, "%s", g->told.why);
        drop_reading(r);
        return;
    }
    s.pid = g ? g->told.pid : 0;
    drop_reading(r);
    if (hal9_proc_each(HAL9_PROC_ALL & ~HAL9_PROC_CWD, visit, &s, &err) != HAL9_OK)
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
    else
        tell(r, &s);
    if (s.found > 0)
        hal9_proc_clear(&s.first);
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_child child = HAL9_CHILD_INIT;
    int fd = -1;
    if (!p->which.pidfile && !p->which.exe) {
        hal9_check_look(r, HAL9_TCP, 0);
        return;
    }
    if (hal9_spawn_call(ask, p, &child, &fd, &err) != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    struct reading *g = hal9_alloc(sizeof(*g));
    r->own = g;
    g->kid = hal9_kid_watch(r->loop, &child, fd, -1, sizeof(struct told), on_told, r);
}

static void on_timeout(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    const struct reading *g = r->own;
    _cleanup_free_ char *span = hal9_span_text(r->check->timeout_ms);
    const bool reads = g && g->kid;
    drop_reading(r);
    hal9_check_done(r, HAL9_CHECK_FAIL, reads ? HAL9_CAUSE_NOT_RUNNING : HAL9_CAUSE_FAILED,
                    reads ? "%s gave no answer within %s: does its server hang?"
                          : "the search for %s did not end within %s",
                    reads && p->which.pidfile ? p->which.pidfile : word_of(&p->which), span);
}

const struct hal9_check_driver hal9_check_process_driver = {
    .key = "process",
    .doc = "processes that must run",
    .schema = &schema,
    .name = default_name,
    .start = start,
    .cancel = drop_reading,
    .timeout = on_timeout,
    .look = look,
};
