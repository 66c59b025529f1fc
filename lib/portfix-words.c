/* What was found, in words. */
#include <string.h>

#include "hal9ops/doc.h"
#include "portfix-internal.h"

#define NAMED_MAX 3 /* of several programs on a port so many are named */
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define CMDLINE_MAX 200
#define CONTAINER_SHOWN 12 /* characters of its id, as its tools do */

char *portfix_name_pid(const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);

    return hal9_strf("%s (pid %d)", name, (int)p->id.pid);
}

char *portfix_who(const struct hal9_port_holder *h) {
    const struct hal9_proc *p = &h->proc;
    _cleanup_free_ char *name = hal9_proc_name(p);
    _cleanup_buf_ struct hal9_buf b = {0};
    int64_t age = hal9_now_ms() - p->started_ms;
    _cleanup_free_ char *span = hal9_span_text(age > 0 ? age : 0);

    hal9_buf_printf(&b, "%s, pid %d", name, (int)p->id.pid);
    if (h->unit)
        hal9_buf_printf(&b, " (unit %s)", h->unit);
    else if (p->container)
        hal9_buf_printf(&b, " (container %.*s)", CONTAINER_SHOWN, p->container);
    hal9_buf_printf(&b, ", for %s", span);
    return hal9_buf_take(&b);
}

/* ---- a holder of whom somebody has to decide */

static char *command_line(const struct hal9_proc *p) {
    _cleanup_strv_ struct hal9_strv safe = {0};

    hal9_strv_copy(&safe, &p->argv);
    hal9_redact_argv(NULL, &safe);
    if (safe.n == 0)
        return hal9_strdup(p->exe ? p->exe : "command line not visible");
    _cleanup_free_ char *text = hal9_shell_quote((const char *const *)safe.v);

    if (strlen(text) <= CMDLINE_MAX)
        return HAL9_TAKE_PTR(text);
    return hal9_strf("%.*s...", CMDLINE_MAX, text);
}

char *portfix_portrait(const struct hal9_proc *p) {
    _cleanup_free_ char *name = hal9_proc_name(p);
    _cleanup_free_ char *user = p->uid == (uid_t)-1 ? NULL : hal9_user_name(p->uid);
    _cleanup_free_ char *command = command_line(p);
    char since[32];

    if (hal9_now_ms() - p->started_ms < DAY_MS)
        hal9_time_clock(p->started_ms, since);
    else
        hal9_time_format(p->started_ms, since);
    return hal9_strf("%s (pid %d, user %s, since %s): %s", name, (int)p->id.pid,
                     user ? user : "unknown", since, command);
}

/* ---- a port */

static const char *proto_name(enum hal9_proto p) {
    return p == HAL9_UDP ? "udp" : "tcp";
}

/* "layer9-server, pid 4711, for 13 min and 3 more processes"; each program is named once. */
static void add_wrong(struct hal9_buf *b, const struct hal9_port_finding *f) {
    _cleanup_strv_ struct hal9_strv names = {0};
    size_t more = 0;

    for (size_t i = 0; i < f->n_holders; i++) {
        const struct hal9_port_holder *h = &f->holders[i];
        _cleanup_free_ char *name = hal9_proc_name(&h->proc);

        if (!portfix_wrong(h))
            continue;
        if (names.n == NAMED_MAX || hal9_strv_has(&names, name)) {
            more++;
            continue;
        }
        _cleanup_free_ char *who = portfix_who(h);

        hal9_buf_printf(b, "%s%s", names.n > 0 ? ", and by " : "", who);
        hal9_strv_add(&names, name);
    }
    if (more > 0)
        hal9_buf_printf(b, " and %zu more process%s", more, more == 1 ? "" : "es");
}

static const struct hal9_port_holder *first_owner(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (f->holders[i].is_owner)
            return &f->holders[i];
    return NULL;
}

static void add_other(struct hal9_buf *b, const struct hal9_port_finding *f) {
    const struct hal9_port_holder *owner = first_owner(f);

    hal9_buf_puts(b, " is held by ");
    add_wrong(b, f);
    if (f->hidden)
        hal9_buf_puts(b, ", and by a process that you can't see");
    if (owner)
        hal9_buf_printf(b, ", while its owner, %s, has %s", f->owner->name, owner->address);
}

static void add_owner(struct hal9_buf *b, const struct hal9_port_finding *f) {
    const struct hal9_port_holder *h = first_owner(f);
    _cleanup_free_ char *name = hal9_proc_name(&h->proc);

    hal9_buf_printf(b, " is its owner's: %s, pid %d", name, (int)h->proc.id.pid);
    if (f->n_holders > 1)
        hal9_buf_printf(b, " and %zu more process%s", f->n_holders - 1,
                        f->n_holders == 2 ? "" : "es");
}

static const struct hal9_port_holder *first_unsure(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (f->holders[i].unsure)
            return &f->holders[i];
    return NULL;
}

static uid_t hidden_uid(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->listeners.n; i++)
        if (!portfix_owned(f, i))
            return f->listeners.v[i].uid;
    return (uid_t)-1;
}

static void add_hidden(struct hal9_buf *b, const struct hal9_port_finding *f) {
    const struct hal9_port_holder *unsure = first_unsure(f);
    bool root = geteuid() == 0;

    if (f->listeners.n == 0) {
        hal9_buf_puts(b, " has no listener, but a bound socket or connections without one keep it "
                         "from being bound");
    } else if (unsure) {
        _cleanup_free_ char *who = portfix_who(unsure);

        hal9_buf_printf(b, " is held by %s; whether that is %s is not visible to you", who,
                        f->owner->name);
    } else if (root) {
        hal9_buf_puts(b, " is held by a process that can't be seen from here: of another pid "
                         "namespace, or closed even to root");
    } else {
        hal9_buf_printf(b, " is held by a process of uid %u that you can't see",
                        (unsigned)hidden_uid(f));
    }
    if (!root && f->listeners.n > 0)
        hal9_buf_puts(b, "; run as root");
}

static char *next(const struct hal9_port_finding *f) {
    _cleanup_free_ char *word = portfix_word(f);

    if (f->answer == HAL9_PORT_OTHER)
        return hal9_strf("hal9-portfix %s",
                         f->owner && f->owner->ports.n == 1 ? f->owner->name : word);
    if (f->answer != HAL9_PORT_HIDDEN)
        return NULL;
    if (f->listeners.n == 0)
        return hal9_strdup("look again in a minute: closed connections are gone by then");
    return geteuid() == 0 ? NULL : hal9_strf("sudo hal9-portfix %s", word);
}

void portfix_words(struct hal9_port_finding *f) {
    _cleanup_buf_ struct hal9_buf b = {0};

    hal9_buf_printf(&b, "%u/%s", f->port, proto_name(f->proto));
    switch (f->answer) {
    case HAL9_PORT_OTHER:
        add_other(&b, f);
        break;
    case HAL9_PORT_OWNER:
        add_owner(&b, f);
        break;
    case HAL9_PORT_HIDDEN:
        add_hidden(&b, f);
        break;
    case HAL9_PORT_TIME_WAIT:
        hal9_buf_puts(&b, " is free; connections of a former listener are left, which "
                          "SO_REUSEADDR binds over");
        break;
    case HAL9_PORT_RESPAWNED:
        hal9_buf_puts(&b, " was taken again by ");
        add_wrong(&b, f);
        if (f->starter)
            hal9_buf_printf(&b, ", started by %s", f->starter);
        break;
    default:
        hal9_buf_puts(&b, " is free");
        break;
    }
    free(f->words);
    f->words = hal9_buf_take(&b);
    free(f->next);
    f->next = next(f);
}
