/*
 * hal9ops/portfix.h - who holds a port, whether it may, and setting it free.
 *
 * Floor 6.
 *
 *     struct hal9_port_findings f = {0};
 *     hal9_portfix_look(&(struct hal9_portfix){.config = cfg, .tcp = ports}, HAL9_HOLDERS_FIRST, &f, &err);
 *     for each f.v[i]: f.v[i].answer, f.v[i].words
 *     hal9_portfix_free(&job, &env, &res, &err);
 */
#ifndef HAL9OPS_PORTFIX_H
#define HAL9OPS_PORTFIX_H

#include <hal9ops/config.h>

enum hal9_port_answer {
    HAL9_PORT_FREE,
    HAL9_PORT_OWNER,     /* its owner's */
    HAL9_PORT_OTHER,     /* another's */
    HAL9_PORT_HIDDEN,    /* somebody listens, whom this user may not see */
    HAL9_PORT_TIME_WAIT, /* free; only closed connections are left */
    HAL9_PORT_RESPAWNED, /* was set free, and taken again */
    HAL9_PORT_RELEASED,  /* was set free by this run */
};
HAL9_API const char *hal9_port_answer_name(
    enum hal9_port_answer
        a); /* "free", "owner", "other", "hidden", "time_wait", "respawned", "released" */

/* One descriptor of a listener: which of the finding's listeners, and its number in the process. */
struct hal9_port_hold {
    size_t listener;
    int fd;
};
struct hal9_port_holder {
    struct hal9_proc proc;
    struct hal9_port_hold *on;
    size_t n_on, cap_on;
    char *address; /* "127.0.0.1:8080"; several are joined by ", " */
    /* its supervisor's unit, when that would be asked to stop (first look: its unit, nobody asked); NULL: signals */
    char *unit;
    bool is_owner; /* or has nothing but sockets that the owner has, too */
    bool unsure;   /* whether it is the owner isn't visible to this user */
    bool shared;   /* another process has one of its sockets, too */
    bool allowed;  /* by conflicts: named there, or of one program and family with one that is */
    const char *never; /* why it may never be stopped, static; NULL, and at a first look */
};
struct hal9_port_finding {
    enum hal9_proto proto;
    uint16_t port;
    enum hal9_port_answer answer;
    const struct hal9_service *owner; /* by the configuration, or NULL */
    struct hal9_port_holder *holders; /* wrong ones first */
    size_t n_holders, cap_holders;
    bool maybe_shared; /* first look only: others could have it, too */
    bool hidden; /* of some listener no holder could be seen, or not whether it is the owner */
    struct hal9_listeners listeners;
    char *
        words; /* "8080/tcp is held by layer9-server, pid 4711 (unit layer9.service), for 13 min" */
    /* why it would not be acted on without a question; NULL: conflicts allows it, or only a first look */
    char *refusal;
    bool held;         /* its service, or one of its holders', is held: no guard lifts that */
    const char *guard; /* the guard that lifts it: "holder"; NULL: nothing does */
    char *starter;     /* respawned: "layer9-watch (pid 4)"; NULL not known */
    char *next;        /* what to do next, a command or an advice; NULL: nothing */
};
struct hal9_port_findings {
    struct hal9_port_finding *v;
    size_t n, cap;
};
struct hal9_portfix {
    const struct hal9_config *config;
    struct hal9_state *state; /* NULL-able for looking */
    struct hal9_ports tcp, udp;
    /* asked by a service's name: it owns the ports; no ports told: its own. NULL-able */
    const struct hal9_service *for_service;
    struct hal9_stop_spec stop; /* how strangers are ended: TERM, 10 s, KILL */
    int64_t settle_ms;          /* -1: 1 s, or RestartSec + 1 s under systemd */
    /* Asked before a holder that conflicts doesn't name is stopped: true to go on. */
    bool (*confirm)(void *data, const struct hal9_port_finding *f,
                    const struct hal9_port_holder *h);
    void *data;
};
/* A finding for each single port told, free ones included; of a range of more than 16 ports only those that are held. */
HAL9_API hal9_status hal9_portfix_look(const struct hal9_portfix *p, enum hal9_holders_depth depth,
                                       struct hal9_port_findings *ret, struct hal9_error *err);
HAL9_API void hal9_port_findings_clear(struct hal9_port_findings *f);
/* The plan: a stop, proof and settle chain for each wrongly held port (one stop for a unit or for processes that hold several together). Looks
 * and asks first; errors as hal9_portfix_free(). Nothing wrong: an empty plan. */
HAL9_API hal9_status hal9_portfix_plan(const struct hal9_portfix *p, struct hal9_plan *ret,
                                       struct hal9_error *err);
/* Looks, asks, acts. *ret_after: the findings afterwards (answer released, respawned, ...). HAL9_E_REFUSED: a holder may not be stopped, so nothing was
 * touched, on no port; HAL9_E_UNKNOWN: one is hidden, nothing was touched. With these two, and when an operation was left open, *ret_after is filled as well. */
HAL9_API hal9_status hal9_portfix_free(const struct hal9_portfix *p, const struct hal9_op_env *env,
                                       struct hal9_op_result *res,
                                       struct hal9_port_findings *ret_after,
                                       struct hal9_error *err);
/* A `holder` record for each holder, and for each port without one. Of several holders of a port the first has the words; each: all have some. */
HAL9_API void hal9_portfix_emit(const struct hal9_port_findings *f, bool each,
                                struct hal9_stream *out);
/* 0 free or its owner's; 1 another's or respawned, whatever the rest; else 4 when one is hidden. */
HAL9_API int hal9_portfix_exit(const struct hal9_port_findings *f);

#endif
