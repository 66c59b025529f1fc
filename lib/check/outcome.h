/* What a check of a port found on the wire, and whether that was the service at all. */
#ifndef HAL9_CHECK_OUTCOME_H
#define HAL9_CHECK_OUTCOME_H

#include "check/look.h"

struct hal9_port_outcome {
    enum hal9_proto proto;
    enum hal9_check_state state;
    const char *cause;
    char *reason; /* "200 in 1.8 ms" */
    char *said;   /* what the port does, after "port 8080": "answers 200" */
    bool refused; /* nobody listened */
    bool any;     /* listener: any; whoever answers will do */
    bool local;   /* the peer is this host */
    uint16_t port;
    bool has_addr;
    struct hal9_addr addr; /* the one that was connected to */
};
void hal9_port_outcome_free(struct hal9_port_outcome *o);
/* Sets addr, port and local from "127.0.0.1:8080". */
void hal9_port_outcome_peer(struct hal9_port_outcome *o, const char *peer);

/* Ends the check: at once where the peer is elsewhere or the service's program is not known, else after a look at the
 * listener. Takes o. */
void hal9_port_end(struct hal9_check_run *r, struct hal9_port_outcome *o);
/* driver->look of those who use it. */
void hal9_port_look(struct hal9_check_run *r, struct hal9_look *look);

#endif
