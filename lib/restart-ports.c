/* Whose the ports of a service are: a start that would find them taken is not begun. */
#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "restart-internal.h"

static hal9_status stranger(const struct hal9_restart_finding *f, const struct hal9_listener *l,
                            const struct hal9_proc *p, struct hal9_error *err) {
    _cleanup_free_ char *name = hal9_proc_name(p);

    hal9_error_set(err, HAL9_E_REFUSED, "%u/tcp is held by %s (pid %d)", l->port, name,
                   (int)p->id.pid);
    hal9_error_hint(err, "hal9-portfix %s", f->service->name);
    return HAL9_E_REFUSED;
}

static hal9_status hidden(const struct hal9_restart_finding *f, const struct hal9_listener *l,
                          struct hal9_error *err) {
    _cleanup_free_ char *user = hal9_user_name(l->uid);

    hal9_error_set(err, HAL9_E_UNKNOWN,
                   "%u/tcp is held by a process of user %s that is not visible to you", l->port,
                   user);
    hal9_error_hint(err, "as root it can be told: hal9-portfix --list %s", f->service->name);
    return HAL9_E_UNKNOWN;
}

static hal9_status judge(struct hal9_restart_finding *f, const struct hal9_listener *l,
                         const struct hal9_proc *p, struct hal9_error *err) {
    /* A socket unit's port is held by systemd itself until the service has it. */
    if (f->ref.unit && p->id.pid == 1) {
        f->socket_unit = true;
        return HAL9_OK;
    }
    switch (hal9_service_is(&f->ref, p)) {
    case HAL9_NOT_SERVICE:
        return stranger(f, l, p, err);
    case HAL9_SERVICE_CANT_TELL:
        return hidden(f, l, err);
    default:
        return HAL9_OK;
    }
}

static hal9_status judge_all(struct hal9_restart_finding *f, const struct hal9_listeners *l,
                             const struct hal9_holders *h, struct hal9_error *err) {
    for (size_t i = 0; i < h->n; i++) {
        hal9_status st = judge(f, &l->v[h->v[i].listener], &h->v[i].proc, err);

        if (st != HAL9_OK)
            return st;
    }
    for (size_t i = 0; i < l->n; i++) {
        size_t k = 0;

        while (k < h->n && h->v[k].listener != i)
            k++;
        if (k == h->n)
            return hidden(f, &l->v[i], err);
    }
    return HAL9_OK;
}

hal9_status hal9_restart_ports_ours(struct hal9_restart_finding *f, struct hal9_error *err) {
    struct hal9_listeners listeners = {0};
    struct hal9_holders holders = {0};
    const char *first[] = {f->service->name, NULL};
    hal9_status st;

    if (f->service->ports.n == 0)
        return HAL9_OK;
    st = hal9_sock_listeners(&f->service->ports, HAL9_TCP, &listeners, err);
    if (st == HAL9_OK && listeners.n > 0)
        st = hal9_sock_holders(&listeners, HAL9_HOLDERS_ALL, first, &holders, err);
    if (st == HAL9_OK)
        st = judge_all(f, &listeners, &holders, err);
    hal9_holders_clear(&holders);
    hal9_listeners_clear(&listeners);
    return st;
}
