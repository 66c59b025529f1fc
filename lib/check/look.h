/* Who listens: one kernel dump and one walk over processes for all checks that wait for it. */
#ifndef HAL9_CHECK_LOOK_H
#define HAL9_CHECK_LOOK_H

#include "hal9ops/check.h"
#include "hal9ops/sys.h"

/* What was found for the ports that were asked for. */
struct hal9_look {
    struct hal9_ports tcp, udp;
    struct hal9_strv names; /* of processes that probably have them: looked at first */
    struct hal9_listeners listeners;
    struct hal9_holders holders;
    bool all; /* holders has every process of a listener, not only the first found */
    hal9_status status;
    struct hal9_error err;
};
/* Adds a port that will be looked for, and whose it should be (NULL-able). */
void hal9_look_add(struct hal9_look *l, enum hal9_proto proto, uint16_t port,
                   const struct hal9_service_ref *service);
/* Looks. A failure is kept in status and err. */
void hal9_look_run(struct hal9_look *l);
/* Finds every holder, where only the first was looked for. */
void hal9_look_all(struct hal9_look *l);
void hal9_look_clear(struct hal9_look *l);

enum hal9_owner {
    HAL9_OWNER_OURS,
    HAL9_OWNER_NOBODY,  /* nothing listens */
    HAL9_OWNER_OTHER,   /* another program */
    HAL9_OWNER_WRONG,   /* our program, but not the one that was started */
    HAL9_OWNER_UNKNOWN, /* hidden from this user, or no answer from the kernel */
};
struct hal9_owner_view {
    enum hal9_owner owner;
    struct hal9_listener listener; /* the deciding one */
    bool has_proc;
    struct hal9_proc proc; /* its holder */
    char *who;             /* "layer9-server (pid 4711)"; NULL without a holder */
    char *address;         /* "127.0.0.1:8080"; NULL when nothing listens */
    char *
        besides; /* a listener of the service on the same port, at another address: its address, or NULL */
    char *
        why; /* unknown: "the listener of 8080 is not visible to you (uid 1000)"; wrong: which it should be */
};
/* Whether the listener of a port is the service's. at: only the listener that a connection to this address reaches; NULL: all
 * of the port. */
void hal9_owner_judge(struct hal9_look *l, const struct hal9_service_ref *service,
                      enum hal9_proto proto, uint16_t port, const struct hal9_addr *at,
                      struct hal9_owner_view *ret);
void hal9_owner_view_clear(struct hal9_owner_view *v);
/* Adds pid, started, exe, unit, name, user, address … to evidence. */
void hal9_owner_evidence(const struct hal9_owner_view *v, cJSON *evidence);
void hal9_proc_evidence(const struct hal9_proc *p, cJSON *evidence);
/* "hal9-server (pid 4711)", fresh. */
char *hal9_proc_who(const struct hal9_proc *p);

/* Whether there is anything to know the service's processes by. */
bool hal9_service_known(const struct hal9_service_ref *service);
/* What to call it: its name, or "the service". */
const char *hal9_service_word(const struct hal9_service_ref *service);

/* Whether a process that can't be looked into may be the wanted one by what everybody sees of it: its name and arguments. */
bool hal9_identity_plausible(const struct hal9_identity *want, const struct hal9_proc *p);

/* Whether a process of the service runs. */
enum hal9_running { HAL9_RUNS_NOT, HAL9_RUNS, HAL9_RUNS_HIDDEN };
/* *ret_who (fresh) names the first: "hal9-server (pid 4711)"; its facts are added to evidence (NULL-able). */
enum hal9_running hal9_service_running(const struct hal9_service_ref *service, char **ret_who,
                                       cJSON *evidence);

/* "127.0.0.1:8080", "[::1]:8080" -> address and port; false when it is none. */
bool hal9_addr_parse(const char *text, struct hal9_addr *ret, uint16_t *ret_port);
/* Whether this host has the address. */
bool hal9_addr_is_local(const struct hal9_addr *a);

#endif
