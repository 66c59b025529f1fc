/*
 * After a reload the workers of before go on with the sessions that they have, and the new one's counts begin at zero. A master can be asked for
 * them; else the kernel tells which established connections to a server's address the other processes of the same configuration hold.
 */
#include <stdlib.h>
#include <string.h>

#include "balancer/haproxy.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

#define OLD_MS 2000

struct pids {
    pid_t *v;
    size_t n, cap;
};

/* ---- by the master ---- */

static void ask_old(const struct ha_process *p, const char *pid, const char *backend, int cancel_fd,
                    struct hal9_balancer_view *v) {
    _cleanup_strv_ struct hal9_strv commands = {0}, answers = {0};
    _cleanup_free_ char *prefix = hal9_strf("@!%s ", pid);
    const struct hal9_haproxy_how how = {
        .prefix = prefix, .timeout_ms = OLD_MS, .cancel_fd = cancel_fd};

    hal9_strv_take(&commands, hal9_strf("show stat %s 4 -1", backend));
    /* one that ends meanwhile holds nothing any more */
    if (hal9_haproxy_ask(p->socket, &commands, &how, &answers, NULL) == HAL9_OK)
        ha_read_stat(answers.v[0], v, &v->old_sessions);
}

/* ---- by the kernel ---- */

/* The files of its configuration, as its arguments name them. */
static void config_files(const struct hal9_proc *p, struct hal9_strv *ret) {
    for (size_t i = 1; i < p->argv.n; i++)
        if (hal9_streq(p->argv.v[i], "-f") || hal9_streq(p->argv.v[i], "--"))
            for (i++; i < p->argv.n && p->argv.v[i][0] != '-'; i++)
                hal9_strv_add(ret, p->argv.v[i]);
    hal9_strv_sort_unique(ret);
}

struct search {
    const char *comm;
    struct hal9_strv files;
    const struct ha_process *p;
    size_t n;
    struct pids *ret;
};

static bool is_now(const struct search *s, pid_t pid) {
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i].pid == pid)
            return true;
    for (size_t i = 0; i < s->ret->n; i++)
        if (s->ret->v[i] == pid)
            return true;
    return false;
}

static int look_at(const struct hal9_proc *p, void *data) {
    struct search *s = data;
    struct hal9_proc whole = {0};
    _cleanup_strv_ struct hal9_strv files = {0};

    if (!hal9_streq(p->comm, s->comm) || is_now(s, p->id.pid) ||
        hal9_proc_read(p->id.pid, HAL9_PROC_ARGV, &whole, NULL) != HAL9_OK)
        return 0;
    config_files(&whole, &files);
    hal9_proc_clear(&whole);
    _cleanup_free_ char *one = hal9_strv_join(&files, "\n");
    _cleanup_free_ char *two = hal9_strv_join(&s->files, "\n");

    if (hal9_streq(one, two))
        *HAL9_APPEND(s->ret->v, s->ret->n, s->ret->cap) = p->id.pid;
    return 0;
}

/* Other processes of the same program and configuration. False: this one isn't seen here (another host or namespace). */
static bool find_old(const struct ha_process *p, size_t n, size_t i, struct pids *ret) {
    struct hal9_proc now = {0};
    struct search s = {.p = p, .n = n, .ret = ret};

    if (p[i].pid <= 0 || hal9_proc_read(p[i].pid, HAL9_PROC_ARGV, &now, NULL) != HAL9_OK)
        return false;
    s.comm = now.comm;
    config_files(&now, &s.files);
    const bool seen = hal9_startswith(now.comm, "haproxy") && s.files.n > 0 &&
                      hal9_proc_each(HAL9_PROC_STAT, look_at, &s, NULL) == HAL9_OK;

    hal9_strv_free(&s.files);
    hal9_proc_clear(&now);
    return seen;
}

static void count_held(const struct pids *old, struct hal9_balancer_view *v) {
    for (size_t i = 0; i < v->n; i++) {
        struct hal9_connections_want want = {.states = 1u << HAL9_TCP_ESTABLISHED};
        struct hal9_addr peer;
        size_t held = 0;

        if (!bal_address_parse(v->v[i].address, &peer, &want.peer_port))
            continue;
        want.peer = &peer;
        if (hal9_connections_held(&want, old->v, old->n, &held, NULL) != HAL9_OK) {
            v->old_sessions = -1;
            return;
        }
        v->old_sessions += (int64_t)held;
        if (v->v[i].sessions >= 0)
            v->v[i].sessions += (int64_t)held;
    }
}

void ha_add_old(const struct ha_process *p, size_t n, const char *backend, int cancel_fd,
                struct hal9_balancer_view *v) {
    struct pids old = {0};
    bool seen = true, asked = false;

    v->old_sessions = 0;
    for (size_t i = 0; i < n; i++) {
        if (!p[i].master && !v->remote)
            seen &= find_old(p, n, i, &old);
        else if (!p[i].master)
            seen = false;
        for (size_t k = 0; p[i].master && k < p[i].old.n; k++)
            ask_old(&p[i], p[i].old.v[k], backend, cancel_fd, v);
        asked |= p[i].master;
    }
    if (!seen && !asked)
        v->old_sessions = -1;
    else if (old.n > 0)
        count_held(&old, v);
    free(old.v);
}
