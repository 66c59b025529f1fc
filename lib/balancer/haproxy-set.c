/* Changes of servers by the Runtime API: every socket gets all of them, in as few lines as they take, and is asked then what is so. The API has
 * nothing to compare with before it changes: the locks exclude other runs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "balancer/haproxy.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

#define STATE_FILE_MODE 0644

/* One command for each member that is told. Traffic comes with the right weight, and goes before it changes. */
static hal9_status add_commands(const char *backend, const cJSON *server, struct hal9_strv *ret,
                                struct hal9_error *err) {
    const char *name = server->string, *admin = hal9_json_str(server, "admin");
    const int64_t weight = hal9_json_int(server, "weight", -1);
    hal9_status st = ha_name_ok("a server", name, err);

    if (st != HAL9_OK)
        return st;
    char *state = admin ? hal9_strf("set server %s/%s state %s", backend, name, admin) : NULL;
    char *heavy = weight >= 0
                      ? hal9_strf("set server %s/%s weight %lld", backend, name, (long long)weight)
                      : NULL;
    const bool comes = hal9_streq(admin, "ready");

    /* taking a NULL adds nothing */
    hal9_strv_take(ret, comes ? heavy : state);
    hal9_strv_take(ret, comes ? state : heavy);
    return HAL9_OK;
}

/* What a refusal means, and what helps. */
static hal9_status refused(const struct ha_process *p, const char *command, const char *text,
                           struct hal9_error *err) {
    static const struct {
        const char *begin;
        hal9_status code;
        const char *hint;
    } known[] = {
        {"No such server", HAL9_E_NOT_FOUND, "it has gone since it was looked at"},
        {"No such backend", HAL9_E_NOT_FOUND, "it has gone since it was looked at"},
        {"Permission denied", HAL9_E_PERM,
         "the socket's level decides: give it  stats socket ... level admin"},
        {"Backend is using a static LB", HAL9_E_USAGE,
         "only 0 and the configured weight can be set there, or drain and ready; shares of traffic "
         "want  balance roundrobin, leastconn or random, or  hash-type consistent"},
        {"Absolute weight can only", HAL9_E_USAGE, "weights go from 0 to 256"},
    };
    const size_t len = strcspn(text, "\n");

    for (size_t i = 0; i < HAL9_ARRAY_LEN(known); i++)
        if (hal9_startswith(text, known[i].begin)) {
            hal9_error_set(err, known[i].code, "haproxy at %s refuses  %s: %.*s", p->socket,
                           command, (int)len, text);
            hal9_error_hint(err, "%s", known[i].hint);
            return known[i].code;
        }
    return hal9_error_set(err, HAL9_E_FAILED, "haproxy at %s refuses  %s: %.*s", p->socket, command,
                          (int)len, text);
}

/* The first refusal; the other commands were carried out. */
static hal9_status judge(const struct ha_process *p, const struct hal9_strv *commands,
                         const struct hal9_strv *answers, struct hal9_error *err) {
    size_t bad = 0, first = 0;

    for (size_t i = 0; i < answers->n; i++)
        if (answers->v[i][0] && bad++ == 0)
            first = i;
    if (bad == 0)
        return HAL9_OK;
    const char *text = hal9_haproxy_error(answers->v[first]);
    hal9_status st = refused(p, commands->v[first], text ? text : answers->v[first], err);

    if (bad > 1)
        hal9_error_prefix(err, "%zu of %zu changes were refused, the first", bad, commands->n);
    return st;
}

/* A whole state at once: haproxy reads it when it starts (server-state-file), so that what was set outlives a reload. The change itself is made by
 * then: a disk that is full doesn't take it back. */
static void keep_state(const struct hal9_balancer_spec *b, const struct ha_process *p,
                       int cancel_fd) {
    _cleanup_strv_ struct hal9_strv commands = {0}, answers = {0};
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_haproxy_how how = {.prefix = p->master ? HA_WORKER : NULL,
                                         .cancel_fd = cancel_fd};
    struct stat old;

    hal9_strv_add(&commands, "show servers state");
    hal9_status st = hal9_haproxy_ask(p->socket, &commands, &how, &answers, &err);

    if (st == HAL9_OK && hal9_startswith(answers.v[0], "1\n#")) {
        const mode_t mode = stat(b->state_file, &old) == 0 ? old.st_mode & 07777 : STATE_FILE_MODE;
        _cleanup_free_ char *text = hal9_strf("%s\n", answers.v[0]);

        st = hal9_file_write(b->state_file, text, strlen(text), mode, &err);
    } else if (st == HAL9_OK) {
        st = hal9_error_set(&err, HAL9_E_PROTOCOL, "%s tells no state", p->socket);
    }
    if (st != HAL9_OK)
        hal9_log(0, "balancer %s: what was set will not outlive a reload: %s", b->name,
                 err.message);
}

/* A master knows no such command, and does nothing then: its worker is told. */
static hal9_status tell(struct ha_process *p, const struct hal9_strv *commands, int cancel_fd,
                        struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv answers = {0};
    struct hal9_haproxy_how how = {.cancel_fd = cancel_fd, .parallel = true};
    hal9_status st = hal9_haproxy_ask(p->socket, commands, &how, &answers, err);

    if (st == HAL9_OK && hal9_startswith(answers.v[0], "Unknown command"))
        st = ha_probe(p, cancel_fd, err);
    if (st == HAL9_OK && p->master) {
        how.prefix = HA_WORKER;
        st = hal9_haproxy_ask(p->socket, commands, &how, &answers, err);
    }
    return st == HAL9_OK ? judge(p, commands, &answers, err) : st;
}

/* What is so then. */
static hal9_status look_after(const struct hal9_balancer_spec *b, struct ha_process *p, bool again,
                              int cancel_fd, struct hal9_balancer_view *after,
                              struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv questions = {0}, answers = {0};
    const struct hal9_haproxy_how how = {.prefix = p->master ? HA_WORKER : NULL,
                                         .cancel_fd = cancel_fd};

    ha_questions(after->backend, true, &questions);
    hal9_status st = hal9_haproxy_ask(p->socket, &questions, &how, &answers, err);

    return st == HAL9_OK ? ha_read(b->name ? b->name : "", p, &answers, again, after, err) : st;
}

hal9_status ha_set_and_look(const struct hal9_balancer_spec *b, const char *backend,
                            const cJSON *servers, const struct hal9_balancer_view *now,
                            int cancel_fd, struct hal9_balancer_view *ret_after,
                            struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv commands = {0};
    hal9_status st = ha_name_ok("a backend", backend, err);
    const cJSON *server;

    cJSON_ArrayForEach(server, servers) {
        if (st == HAL9_OK)
            st = add_commands(backend, server, &commands, err);
    }
    ret_after->shared = now->shared;
    ret_after->remote = now->remote;
    for (size_t i = 0; st == HAL9_OK && i < b->haproxy.n; i++) {
        struct ha_process p = {.socket = b->haproxy.v[i]};

        if (commands.n > 0)
            st = tell(&p, &commands, cancel_fd, err);
        if (st == HAL9_OK && i == 0 && b->state_file)
            keep_state(b, &p, cancel_fd);
        if (st == HAL9_OK)
            st = look_after(b, &p, i > 0, cancel_fd, ret_after, err);
        ha_process_clear(&p);
    }
    return st;
}

hal9_status ha_set(const struct hal9_balancer_spec *b, const char *backend, const cJSON *servers,
                   const struct hal9_balancer_view *now, int cancel_fd, struct hal9_error *err) {
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view after = {
        .lean = true, .backend = hal9_strdup(backend)};

    return ha_set_and_look(b, backend, servers, now, cancel_fd, &after, err);
}
