/* The driver of HAProxy: the Runtime API of one or several processes, which are one balancer. */
#include "balancer/haproxy.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"

#define MAX_PROCESSES 64

hal9_status ha_name_ok(const char *what, const char *name, struct hal9_error *err) {
    static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";

    if (*name && name[strspn(name, may)] == '\0')
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_USAGE, "'%s' can't be the name of %s of haproxy", name, what);
}

static hal9_status ask(const struct ha_process *p, const struct hal9_balancer_view *v,
                       int cancel_fd, struct hal9_strv *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv questions = {0};
    const struct hal9_haproxy_how how = {.prefix = p->master ? HA_WORKER : NULL,
                                         .cancel_fd = cancel_fd};

    ha_questions(v->backend, v->lean, &questions);
    return hal9_haproxy_ask(p->socket, &questions, &how, ret, err);
}

hal9_status ha_probe(struct ha_process *p, int cancel_fd, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv commands = {0}, answers = {0};
    const struct hal9_haproxy_how how = {.cancel_fd = cancel_fd};

    hal9_strv_add(&commands, "show proc");
    hal9_status st = hal9_haproxy_ask(p->socket, &commands, &how, &answers, err);

    if (st == HAL9_OK)
        ha_read_proc(answers.v[0], p);
    return st;
}

/* A master doesn't know even show info: its worker is asked, then. */
static hal9_status look_at(const struct hal9_balancer_spec *b, struct ha_process *p, bool again,
                           int cancel_fd, struct hal9_balancer_view *v, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv answers = {0};
    hal9_status st = ask(p, v, cancel_fd, &answers, err);

    if (st != HAL9_OK)
        return st;
    if (hal9_startswith(answers.v[HA_INFO], "Unknown command"))
        st = ha_probe(p, cancel_fd, err);
    if (st == HAL9_OK && p->master)
        st = ask(p, v, cancel_fd, &answers, err);
    return st == HAL9_OK ? ha_read(b->name ? b->name : "", p, &answers, again, v, err) : st;
}

/* "# name" and the names of backends, one a line. */
static void list_backends(const struct ha_process *p, struct hal9_strv *ret) {
    _cleanup_strv_ struct hal9_strv commands = {0}, answers = {0};
    const struct hal9_haproxy_how how = {.prefix = p->master ? HA_WORKER : NULL, .cancel_fd = -1};
    char *rest = NULL;

    hal9_strv_add(&commands, "show backend");
    if (hal9_haproxy_ask(p->socket, &commands, &how, &answers, NULL) != HAL9_OK)
        return;
    for (char *line = strtok_r(answers.v[0], "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (line[0] != '#' && line[0] != '[')
            hal9_strv_add(ret, line);
}

/* Whether a socket is one of another host: then its loopback isn't ours. */
static bool is_remote(const char *socket) {
    _cleanup_free_ char *host = NULL;
    struct hal9_addr a;
    uint16_t port;

    if (!hal9_haproxy_tcp(socket, &host, &port) || hal9_streq(host, "localhost"))
        return false;
    return !hal9_addr_of_text(host, &a) || !hal9_addr_of_host(&a);
}

static hal9_status look(const struct hal9_balancer_spec *b, const char *backend, int cancel_fd,
                        struct hal9_balancer_view *ret, struct hal9_error *err) {
    struct ha_process p[MAX_PROCESSES] = {0};
    size_t n = b->haproxy.n;
    hal9_status st = ha_name_ok("a backend", backend, err);

    if (st == HAL9_OK && n > MAX_PROCESSES)
        st = hal9_error_set(err, HAL9_E_LIMIT, "balancer %s has more than %d sockets", b->name,
                            MAX_PROCESSES);
    for (size_t i = 0; st == HAL9_OK && i < n; i++) {
        p[i].socket = b->haproxy.v[i];
        ret->shared |= hal9_startswith(p[i].socket, "tcp:");
        ret->remote |= is_remote(p[i].socket);
        st = look_at(b, &p[i], i > 0, cancel_fd, ret, err);
        if (st == HAL9_E_NOT_FOUND) {
            _cleanup_strv_ struct hal9_strv known = {0};

            list_backends(&p[i], &known);
            st = bal_no_backend(b, backend, &known, err);
            if (n > 1)
                hal9_error_prefix(err, "%s", p[i].socket);
        }
    }
    if (st == HAL9_OK && !ret->lean)
        ha_add_old(p, n, backend, cancel_fd, ret);
    for (size_t i = 0; i < n && i < MAX_PROCESSES; i++)
        ha_process_clear(&p[i]);
    return st;
}

static hal9_status resources(const struct hal9_balancer_spec *b, const char *backend,
                             struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    for (size_t i = 0; i < b->haproxy.n; i++) {
        _cleanup_free_ char *socket = hal9_haproxy_canonical(b->haproxy.v[i]);

        hal9_strv_take(ret, hal9_strf("haproxy:%s/%s", socket, backend));
    }
    return HAL9_OK;
}

const struct hal9_balancer_driver hal9_balancer_haproxy = {
    .key = "haproxy",
    .look = look,
    .set = ha_set,
    .set_and_look = ha_set_and_look,
    .resources = resources,
};
