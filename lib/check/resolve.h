/* Addresses of a host, looked up without ever holding up the loop. */
#ifndef HAL9_CHECK_RESOLVE_H
#define HAL9_CHECK_RESOLVE_H

#include <netdb.h>

#include "hal9ops/base.h"

struct uv_loop_s;
struct hal9_resolve;
/* Calls done once from the loop, unless cancelled: a list that is done's to free with freeaddrinfo(), or NULL and why. */
struct hal9_resolve *
hal9_resolve_start(struct uv_loop_s *loop, const char *host, uint16_t port, int socktype,
                   void (*done)(void *data, struct addrinfo *list, const char *why), void *data);
/* A name server that hangs keeps its thread, not the caller. */
void hal9_resolve_cancel(struct hal9_resolve *r);

#endif
