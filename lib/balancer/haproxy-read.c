/* What HAProxy tells of a backend, as a view. */
#include <stdlib.h>
#include <string.h>

#include "balancer/haproxy.h"
#include "base/cleanup.h"

/* ---- a master's list of its processes ---- */

void ha_process_clear(struct ha_process *p) {
    hal9_strv_free(&p->old);
}

/* "#<PID> <type> ...", "# workers", "4711 worker ...", "# old workers", "4242 worker ...". */
void ha_read_proc(const char *answer, struct ha_process *p) {
    bool old = false;

    p->master = hal9_startswith(answer, "#<PID>");
    hal9_strv_free(&p->old);
    for (const char *line = answer; p->master && line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line == '#')
            old = hal9_startswith(line, "# old workers");
        else if (old && *line >= '1' && *line <= '9')
            hal9_strv_take(&p->old, hal9_strndup(line, strspn(line, "0123456789")));
    }
}

/* ---- servers ---- */

enum { STAT_BACKEND = 2, STAT_ALL = 6 }; /* and servers */

void ha_questions(const char *backend, bool lean, struct hal9_strv *ret) {
    hal9_strv_add(ret, "show info");
    hal9_strv_take(ret, hal9_strf("show servers state %s", backend));
    hal9_strv_take(ret, hal9_strf("show stat %s %d -1", backend, lean ? STAT_BACKEND : STAT_ALL));
    if (!lean)
        hal9_strv_take(ret, hal9_strf("show servers conn %s", backend));
}

static void read_info(const char *answer, struct ha_process *p) {
    _cleanup_free_ char *pid = hal9_haproxy_field(answer, "Pid");
    _cleanup_free_ char *start = hal9_haproxy_field(answer, "Start_time_sec");
    int64_t value;

    if (pid && hal9_parse_int(pid, 1, INT32_MAX, &value, NULL) == HAL9_OK)
        p->pid = (pid_t)value;
    if (start && hal9_parse_int(start, 0, INT64_MAX, &value, NULL) == HAL9_OK)
        p->start = value;
}

struct columns {
    size_t name, address, port, op, admin, weight, initial, check;
};

static bool find_columns(const struct hal9_haproxy_table *t, struct columns *c) {
    *c = (struct columns){
        .name = hal9_haproxy_column(t, "srv_name"),
        .address = hal9_haproxy_column(t, "srv_addr"),
        .port = hal9_haproxy_column(t, "srv_port"),
        .op = hal9_haproxy_column(t, "srv_op_state"),
        .admin = hal9_haproxy_column(t, "srv_admin_state"),
        .weight = hal9_haproxy_column(t, "srv_uweight"),
        .initial = hal9_haproxy_column(t, "srv_iweight"),
        .check = hal9_haproxy_column(t, "srv_check_state"),
    };
    return c->name != SIZE_MAX && c->admin != SIZE_MAX && c->weight != SIZE_MAX;
}

#define CHECK_ENABLED 0x4 /* of srv_check_state */
#define OP_STOPPED 0

static enum hal9_admin admin_of(int64_t mask) {
    return mask & HA_FMAINT   ? HAL9_ADMIN_MAINT
           : mask & HA_FDRAIN ? HAL9_ADMIN_DRAIN
                              : HAL9_ADMIN_READY;
}

static void read_server(const struct hal9_haproxy_table *t, size_t row, const struct columns *c,
                        struct hal9_balancer_server *s) {
    const char *address = hal9_haproxy_cell(t, row, c->address);
    const char *port = hal9_haproxy_cell(t, row, c->port);
    const int64_t mask = hal9_haproxy_number(t, row, c->admin, 0);
    const bool stopped = hal9_haproxy_number(t, row, c->op, OP_STOPPED) == OP_STOPPED;
    const bool checked = hal9_haproxy_number(t, row, c->check, 0) & CHECK_ENABLED;

    s->weight = hal9_haproxy_number(t, row, c->weight, -1);
    s->initial_weight = hal9_haproxy_number(t, row, c->initial, -1);
    s->admin = admin_of(mask);
    s->configured_off = mask & HA_CMAINT;
    s->up = stopped ? 0 : checked ? 1 : -1;
    if (address && port && !hal9_streq(address, "-"))
        s->address = strchr(address, ':') ? hal9_strf("[%s]:%s", address, port)
                                          : hal9_strf("%s:%s", address, port);
}

/* Rows come in the order in which they were read before: looks there first. */
static struct hal9_balancer_server *find_near(const struct hal9_balancer_view *v, const char *name,
                                              size_t guess) {
    if (guess < v->n && hal9_streq(v->v[guess].name, name))
        return &v->v[guess];
    return bal_view_find(v, name);
}

static void server_clear(struct hal9_balancer_server *s) {
    free(s->name);
    free(s->address);
    free(s->differs);
}

/* What one of several processes says beside what the first said. */
static void compare(struct hal9_balancer_server *s, const struct hal9_balancer_server *other,
                    const char *socket) {
    s->up =
        other->up < 0 || s->up < 0 ? (other->up == 0 || s->up == 0 ? 0 : -1) : (other->up && s->up);
    if (s->weight == other->weight && s->admin == other->admin)
        return;
    char *more =
        hal9_strf("%s%sweight %lld, %s at %s", s->differs ? s->differs : "", s->differs ? "; " : "",
                  (long long)other->weight, hal9_admin_name(other->admin), socket);

    free(s->differs);
    s->differs = more;
}

static void add_server(struct hal9_balancer_view *v, const struct hal9_haproxy_table *t, size_t row,
                       const struct columns *c, const char *socket, bool again) {
    const char *name = hal9_haproxy_cell(t, row, c->name);
    struct hal9_balancer_server *known = again && name ? find_near(v, name, row) : NULL;

    if (!name)
        return;
    if (!again) {
        read_server(t, row, c, bal_view_add(v, name));
        return;
    }
    struct hal9_balancer_server s = {0};

    read_server(t, row, c, &s);
    if (known)
        compare(known, &s, socket);
    server_clear(&s);
}

/* Servers that another process doesn't have. */
static void tell_missing(struct hal9_balancer_view *v, const struct hal9_haproxy_table *t,
                         size_t name, const char *socket) {
    for (size_t i = 0; i < v->n; i++) {
        size_t row = 0;

        while (row < t->rows && !hal9_streq(hal9_haproxy_cell(t, row, name), v->v[i].name))
            row++;
        if (row < t->rows)
            continue;
        free(v->v[i].differs);
        v->v[i].differs = hal9_strf("no such server at %s", socket);
    }
}

static hal9_status read_state(const char *balancer, const struct ha_process *p, const char *answer,
                              bool again, struct hal9_balancer_view *v, struct hal9_error *err) {
    struct hal9_haproxy_table t = {0};
    const char *wrong = hal9_haproxy_error(answer);
    struct columns c;

    if (!wrong && p->master && !hal9_startswith(answer, "1"))
        wrong = answer;
    if (wrong && hal9_startswith(wrong, "Can't find backend"))
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "balancer %s: no backend '%s'", balancer,
                              v->backend);
    if (wrong && hal9_startswith(wrong, "Permission denied")) {
        hal9_error_set(err, HAL9_E_PERM, "haproxy at %s does not tell: %s", p->socket, wrong);
        hal9_error_hint(err, "the socket's level decides (stats socket ... level admin)");
        return HAL9_E_PERM;
    }
    if (wrong || !hal9_haproxy_table(answer, ' ', v->lean ? "srv_iweight" : NULL, &t))
        return hal9_error_set(err, HAL9_E_PROTOCOL,
                              "haproxy at %s gives no state of the servers of %s%s%s", p->socket,
                              v->backend, wrong ? ": " : "", wrong ? wrong : "");
    const bool usable = find_columns(&t, &c);

    for (size_t i = 0; usable && i < t.rows; i++)
        add_server(v, &t, i, &c, p->socket, again);
    if (usable && again && t.rows != v->n)
        tell_missing(v, &t, c.name, p->socket);
    hal9_haproxy_table_clear(&t);
    return usable
               ? HAL9_OK
               : hal9_error_set(err, HAL9_E_PROTOCOL,
                                "haproxy at %s: the state of servers has no column that is known",
                                p->socket);
}

/* ---- sessions ---- */

static void add_to(int64_t *sum, int64_t more) {
    if (more >= 0)
        *sum = (*sum > 0 ? *sum : 0) + more;
}

/* Connections that are kept open for later. What is in use can't be had here: plain TCP isn't counted among used_cur. */
static void read_idle(const char *answer, struct hal9_balancer_view *v) {
    struct hal9_haproxy_table t = {0};

    if (hal9_haproxy_error(answer) || !hal9_haproxy_table(answer, ' ', NULL, &t))
        return;
    size_t name = hal9_haproxy_column(&t, "bkname/svname");
    size_t idle = hal9_haproxy_column(&t, "idle_cur");

    for (size_t i = 0; i < t.rows; i++) {
        const char *both = hal9_haproxy_cell(&t, i, name);
        const char *slash = both ? strchr(both, '/') : NULL;
        struct hal9_balancer_server *s = slash ? find_near(v, slash + 1, i) : NULL;

        if (s)
            add_to(&s->idle, hal9_haproxy_number(&t, i, idle, -1));
    }
    hal9_haproxy_table_clear(&t);
}

/* The algorithm is told at level operator and above. Of hash based ones it isn't told whether the hash is a static one. */
static void read_algorithm(const struct hal9_haproxy_table *t, size_t row,
                           struct hal9_balancer_view *v) {
    const char *algo = hal9_haproxy_cell(t, row, hal9_haproxy_column(t, "algo"));

    v->all_or_nothing |= hal9_streq(algo, "static-rr");
}

void ha_read_stat(const char *answer, struct hal9_balancer_view *v, int64_t *ret_sum) {
    struct hal9_haproxy_table t = {0};

    if (hal9_haproxy_error(answer) || !hal9_haproxy_table(answer, ',', NULL, &t))
        return;
    size_t name = hal9_haproxy_column(&t, "svname"), now = hal9_haproxy_column(&t, "scur");
    size_t queued = hal9_haproxy_column(&t, "qcur");

    for (size_t i = 0; i < t.rows; i++) {
        const char *word = hal9_haproxy_cell(&t, i, name);
        struct hal9_balancer_server *s = word ? find_near(v, word, i) : NULL;
        int64_t sessions = hal9_haproxy_number(&t, i, now, -1);

        if (hal9_streq(word, "BACKEND"))
            read_algorithm(&t, i, v);
        else if (s && sessions >= 0) {
            sessions += hal9_haproxy_number(&t, i, queued, 0);
            add_to(&s->sessions, sessions);
            if (ret_sum)
                add_to(ret_sum, sessions);
        }
    }
    hal9_haproxy_table_clear(&t);
}

hal9_status ha_read(const char *balancer, struct ha_process *p, const struct hal9_strv *answers,
                    bool again, struct hal9_balancer_view *v, struct hal9_error *err) {
    hal9_status st = read_state(balancer, p, answers->v[HA_STATE], again, v, err);

    if (st != HAL9_OK)
        return st;
    read_info(answers->v[HA_INFO], p);
    _cleanup_free_ char *one = hal9_strf("%d@%lld", (int)p->pid, (long long)p->start);

    /* several sockets of one process are one */
    if (v->instance && strstr(v->instance, one))
        return HAL9_OK;
    char *all = hal9_strf("%s%s%s", v->instance ? v->instance : "", v->instance ? "," : "", one);

    free(v->instance);
    v->instance = all;
    ha_read_stat(answers->v[HA_STAT], v, NULL);
    if (!v->lean)
        read_idle(answers->v[HA_CONN], v);
    return HAL9_OK;
}
