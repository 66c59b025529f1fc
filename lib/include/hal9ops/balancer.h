/*
 * hal9ops/balancer.h - load balancers: one driver a kind; weights and states of a backend's servers, draining.
 *
 * Floor 4.
 *
 *     struct hal9_balancer_view v = {0};
 *     hal9_balancer_look(spec, "hal9", -1, &v, &err);            // every server: weight, admin state, up, sessions
 *     _cleanup_json_ cJSON *state = hal9_balancer_state(&v);     // what a snapshot keeps
 *     hal9_plan_step(plan, "traffic", "balancer.set", hal9_args_balancer_set(spec, "hal9", wanted), "...");
 *     hal9_balancer_view_clear(&v);
 */
#ifndef HAL9OPS_BALANCER_H
#define HAL9OPS_BALANCER_H

#include <hal9ops/doc.h>
#include <hal9ops/op.h>

/* One entry of balancers: exactly one kind is set. */
struct hal9_balancer_spec {
    char *name;
    struct hal9_strv haproxy; /* sockets: unix:PATH or tcp:HOST:PORT; several are one balancer */
    char *state_file;         /* haproxy: its server-state-file, kept true; or NULL */
    char *caddy;              /* admin API's URL */
    char *nginx;              /* upstream file */
    struct hal9_strv test,
        reload;  /* nginx: argv of its commands; empty: nginx -t -q, nginx -s reload */
    char *pid;   /* nginx: its pid file; NULL: /run/nginx.pid */
    char *http;  /* admin API's URL */
    char *token; /* reference, or NULL */
};
extern const struct hal9_schema hal9_balancer_schema;
/* The kind that is set: "haproxy", "caddy", ... or NULL. Static. */
HAL9_API const char *hal9_balancer_kind(const struct hal9_balancer_spec *b);

/* ---- what is there ---------------------------------------------------------------------------- */

/* What an administrator has set: drain takes no new visitors, maint none at all and isn't checked. */
enum hal9_admin { HAL9_ADMIN_READY, HAL9_ADMIN_DRAIN, HAL9_ADMIN_MAINT };
HAL9_API const char *hal9_admin_name(enum hal9_admin a); /* "ready", "drain", "maint" */
/* False: no such word. */
HAL9_API bool hal9_admin_parse(const char *word, enum hal9_admin *ret);

struct hal9_balancer_server {
    char *name;             /* "s1"; of a kind without names its address */
    char *address;          /* "127.0.0.1:9001", or NULL */
    int64_t weight;         /* effective now; -1: this kind has none */
    int64_t initial_weight; /* configured, -1 unknown */
    enum hal9_admin admin;
    bool configured_off; /* the balancer's own configuration starts it in maintenance */
    int up;              /* 1 up, 0 down, -1 not known (no check) */
    int64_t sessions;    /* in use now, of all processes that can be asked; -1 not known */
    int64_t idle;        /* connections that the balancer keeps open and unused; -1 not known */
    char *differs;       /* its processes don't agree: "weight 100 at A, 50 at B"; NULL: they do */
};
struct hal9_balancer_view {
    char *backend;
    struct hal9_balancer_server *v;
    size_t n, cap;
    bool lean; /* looked at for weights and admin states alone: the rest takes long to tell */
    bool all_or_nothing; /* static balancing: weights are 0 or 100 % only */
    bool percentages;    /* weights are percentages: those of all servers add up to 100 */
    /* reached over the network: another host may work on it, and no lock of this host excludes that */
    bool shared;
    bool remote; /* it runs on another host: its loopback isn't this host's */
    /* of the process(es): "pid@start"; another one means it was reloaded: runtime state may have been forgotten. NULL unknown */
    char *instance;
    /* sessions that processes from before a reload still hold, in all of the backend; -1 not known */
    int64_t old_sessions;
};
/* Frees and zeroes. */
HAL9_API void hal9_balancer_view_clear(struct hal9_balancer_view *v);
/* NULL: no such server. */
HAL9_API const struct hal9_balancer_server *hal9_balancer_server(const struct hal9_balancer_view *v,
                                                                 const char *name);
/* HAL9_E_NOT_FOUND: no such backend (hint: nearest); HAL9_E_UNKNOWN, HAL9_E_IO, HAL9_E_TIMEOUT: can't be reached, and which socket; HAL9_E_PERM;
 * HAL9_E_PROTOCOL; HAL9_E_UNSUPPORTED: no driver for this kind. */
HAL9_API hal9_status hal9_balancer_look(const struct hal9_balancer_spec *b, const char *backend,
                                        int cancel_fd, struct hal9_balancer_view *ret,
                                        struct hal9_error *err);
/* {"servers": {NAME: {"weight": 100, "admin": "ready"}}, "observed": {"instance", "up": {NAME: bool}, "sessions": {NAME: n}, "addresses": {NAME:
 * text}}}: what states of steps and snapshots have; no weight member where the kind has none; "differs" where its processes don't agree. Fresh. */
HAL9_API cJSON *hal9_balancer_state(const struct hal9_balancer_view *v);
/* Whether a server is as it is because a reload made the balancer forget what had been set, not because somebody changed it: the state `then` is of
 * another process, and the server is now as the balancer's configuration starts it. */
HAL9_API bool hal9_balancer_forgot(const cJSON *then, const struct hal9_balancer_view *now,
                                   const char *server);
/* The server of this host at this port ("drain.server" when told): HAL9_E_NOT_FOUND with the servers named, HAL9_E_USAGE when several fit. Borrowed
 * from the view. */
HAL9_API hal9_status hal9_balancer_own(const struct hal9_balancer_view *v, const char *told,
                                       uint16_t port, const char **ret_server,
                                       struct hal9_error *err);

/* Whether so many would still be up and take traffic without these; HAL9_E_REFUSED (guard last-server) when fewer would, and these are some of those
 * that do now. */
HAL9_API hal9_status hal9_balancer_spares(const struct hal9_balancer_view *v,
                                          const struct hal9_strv *servers, int64_t min_up,
                                          struct hal9_error *err);

/* The spec for a step's args, secrets as references; fresh. And back; hal9_balancer_free() frees it. */
HAL9_API cJSON *hal9_balancer_json(const struct hal9_balancer_spec *b);
HAL9_API hal9_status hal9_balancer_parse(const cJSON *j, struct hal9_balancer_spec **ret,
                                         struct hal9_error *err);
HAL9_API void hal9_balancer_free(struct hal9_balancer_spec *b);

/* ---- step kinds ------------------------------------------------------------------------------- */

/*
 * balancer.set    args {balancer, backend, servers: {NAME: {weight?, admin?}}, expect?, resources}. One step for a whole backend; its inspect sees each
 *                 named server; what is so already gets no command. A server that has gone is an error by name; others are left alone, and those that
 *                 came meanwhile are told (observed.others). before/intent/after {"servers"} of the named. expect: {instance?, servers: {NAME:
 *                 {weight?, admin?}}}, what they must be now where they aren't as wanted and the process is still that one, else HAL9_E_DRIFT.
 *                 Invert: balancer.set of before.
 * balancer.drain  args {balancer, backend, servers: [NAME], timeout_ms, grace_ms, min_up, port?, resources}. Sets admin drain, waits until the sessions
 *                 (of old processes, too) and, with port, the kernel's established connections of it are zero, and the grace after that; or the
 *                 timeout: what remained is in after.observed.remained, and told. Refused (guard last-server) when fewer than min_up servers would
 *                 stay up. One in maintenance is left so. Progress: "12 sessions left". Invert: balancer.set of before.
 * A reload in between makes a balancer forget: where a server is as its configuration starts it and the process is another one, a resume applies again
 * and an undo takes back, instead of calling that drift.
 */
extern const struct hal9_step_kind hal9_kind_balancer_set, hal9_kind_balancer_drain;
/* Args, fresh; servers is copied. */
HAL9_API cJSON *hal9_args_balancer_set(const struct hal9_balancer_spec *b, const char *backend,
                                       const cJSON *servers);
struct hal9_drain_opts {
    struct hal9_strv servers;
    int64_t timeout_ms, grace_ms, min_up;
    uint16_t port; /* of this host, whose connections are counted, too; 0: none */
};
/* Args, fresh. */
HAL9_API cJSON *hal9_args_balancer_drain(const struct hal9_balancer_spec *b, const char *backend,
                                         const struct hal9_drain_opts *o);

#endif
