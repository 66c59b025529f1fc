/* What the files of the engine that frees ports share. */
#ifndef HAL9_PORTFIX_INTERNAL_H
#define HAL9_PORTFIX_INTERNAL_H

#include "base/cleanup.h"
#include "hal9ops/portfix.h"

/* ---- portfix.c: findings */
bool portfix_wrong(const struct hal9_port_holder *h); /* neither the owner's nor unsure */
/* Whether the owner has this listener of the finding. */
bool portfix_owned(const struct hal9_port_finding *f, size_t listener);
bool portfix_has_wrong(const struct hal9_port_finding *f);
/* Whether the owner has one of its listeners. */
bool portfix_has_owner(const struct hal9_port_finding *f);
/* "8080", "53/udp": as the command line takes it. Fresh. */
char *portfix_word(const struct hal9_port_finding *f);

/* ---- portfix-owner.c: whose a holder is */
struct portfix_owner {
    const struct hal9_service *service;
    struct hal9_service_ref ref;
};
struct portfix_owners { /* refs of services, each loaded once */
    struct portfix_owner **v;
    size_t n, cap;
};
hal9_status portfix_owner_get(struct portfix_owners *o, const struct hal9_portfix *p,
                              const struct hal9_service *s, const struct hal9_service_ref **ret,
                              struct hal9_error *err);
void portfix_owners_clear(struct portfix_owners *o);
/* The service that should have the port, or NULL. */
const struct hal9_service *portfix_service_of(const struct hal9_portfix *p, enum hal9_proto proto,
                                              uint16_t port);
/* Marks holders as the owner's or unsure, as allowed by conflicts; before acting (ALL) those that are never stopped. */
void portfix_judge(struct hal9_port_finding *f, const struct hal9_service_ref *owner,
                   enum hal9_holders_depth depth);
/* One program, and parent, child or sibling. */
bool portfix_kin(const struct hal9_proc *a, const struct hal9_proc *b);

/* ---- portfix-words.c */
/* "layer9-server, pid 4711 (unit layer9.service), for 13 min"; fresh. */
char *portfix_who(const struct hal9_port_holder *h);
/* "layer9-server (pid 4711)"; fresh. */
char *portfix_name_pid(const struct hal9_proc *p);
/* Fills words and next by the answer. */
void portfix_words(struct hal9_port_finding *f);
/* "layer9-server (pid 4711, user root, since 02:51): /usr/bin/layer9-server --port 8080", secrets blanked; fresh. */
char *portfix_portrait(const struct hal9_proc *p);

/* ---- portfix-refuse.c: who may be stopped */
struct portfix_job { /* one call of the engine */
    const struct hal9_portfix *p;
    struct hal9_proc *approved; /* strangers that the caller said yes to */
    size_t n, cap;
    bool asked; /* nobody is asked again */
};
void portfix_job_clear(struct portfix_job *j);
/* Fills refusal and guard of each finding; without job: as if nobody said yes. */
void portfix_refuse(struct hal9_port_findings *f, const struct portfix_job *j);
/* Asks about strangers, refuses, and tells as an error why nothing may be done: HAL9_E_REFUSED, HAL9_E_UNKNOWN. */
hal9_status portfix_permit(struct portfix_job *j, struct hal9_port_findings *f,
                           struct hal9_error *err);

/* ---- portfix-plan.c */
/* The plan for what was found. */
hal9_status portfix_plan(const struct hal9_portfix *p, const struct hal9_port_findings *f,
                         struct hal9_plan *ret, struct hal9_error *err);

/* portfix-hold.c: why a port is left alone because a service is held, in words; NULL: none is. Fresh. */
char *portfix_held(const struct hal9_portfix *p, const struct hal9_port_finding *f);

#endif
