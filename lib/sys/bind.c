/* Proof that a port can be bound. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

/* Binds the port on all addresses and lets go of it. 0, or an errno. Nothing listens meanwhile: no client is answered. */
static int try_bind(enum hal9_proto proto, uint16_t port, bool reuse) {
    const int on = 1;
    const int off = 0;
    struct sockaddr_in6 dual = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int type = (proto == HAL9_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
    bool with_v6 = true;
    _cleanup_close_ int fd = socket(AF_INET6, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT) {
        with_v6 = false;
        fd = socket(AF_INET, type, 0);
    }
    if (fd < 0 || (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
        (with_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0))
        return errno;
    int bound = with_v6 ? bind(fd, (struct sockaddr *)&dual, sizeof(dual))
                        : bind(fd, (struct sockaddr *)&v4, sizeof(v4));
    return bound < 0 ? errno : 0;
}

/* It can't be bound: because of a listener, or of what else? */
static hal9_status blame(enum hal9_proto proto, uint16_t port, enum hal9_bindable *ret,
                         struct hal9_error *err) {
    _cleanup_(hal9_ports_clear) struct hal9_ports one = {0};
    _cleanup_(hal9_listeners_clear) struct hal9_listeners found = {0};
    hal9_ports_add(&one, port, port);
    hal9_status status = hal9_sock_listeners(&one, proto, &found, err);
    if (status == HAL9_OK)
        *ret = found.n > 0 ? HAL9_BIND_LISTENER : HAL9_BIND_BLOCKED;
    return status;
}

hal9_status hal9_sock_can_bind(enum hal9_proto proto, uint16_t port, enum hal9_bindable *ret,
                               struct hal9_error *err) {
    int failed = try_bind(proto, port, false);
    /* With SO_REUSEADDR a second UDP socket would be let in beside the first: no proof. */
    if (failed == EADDRINUSE && proto == HAL9_TCP) {
        failed = try_bind(proto, port, true);
        if (failed == 0) {
            *ret = HAL9_BIND_TIME_WAIT;
            return HAL9_OK;
        }
    }
    if (failed == EADDRINUSE)
        return blame(proto, port, ret, err);
    if (failed && failed != EACCES && failed != EPERM)
        return hal9_error_errno(err, failed, "cannot try to bind port %u", port);
    *ret = failed ? HAL9_BIND_DENIED : HAL9_BIND_OK;
    return HAL9_OK;
}
