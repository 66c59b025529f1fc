/* Connections: counted and listed by state, port and peer, over IPv4 and IPv6; by the kernel's dump and by /proc/net. */
#include "harness.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/socket-internal.h"

enum { CLIENTS = 3 };

struct world {
    int listener, clients[CLIENTS], accepted[CLIENTS];
    uint16_t port;
};

static struct sockaddr_in6 at(bool v4, uint16_t port) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    a.sin6_addr = in6addr_loopback;
    if (v4) {
        static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
        memcpy(&a.sin6_addr, mapped, sizeof(mapped));
    }
    return a;
}

/* A dual-stack listener; one client of IPv6, the others of IPv4 through mapped addresses. */
static void connect_all(struct world *w) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    socklen_t len = sizeof(any);
    const int off = 0;
    w->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(w->listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    assert_int_equal(bind(w->listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(w->listener, 8), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&any, &len), 0);
    w->port = ntohs(any.sin6_port);
    for (int i = 0; i < CLIENTS; i++) {
        struct sockaddr_in6 to = at(i > 0, w->port);
        w->clients[i] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(w->clients[i], (struct sockaddr *)&to, sizeof(to)), 0);
        w->accepted[i] = accept(w->listener, NULL, NULL);
        assert_true(w->accepted[i] >= 0);
    }
}

static void close_all(struct world *w) {
    for (int i = 0; i < CLIENTS; i++) {
        close(w->clients[i]);
        close(w->accepted[i]);
    }
    close(w->listener);
}

static size_t count(const struct hal9_connections_want *want) {
    struct hal9_connection_counts c = {0};
    assert_int_equal(hal9_connections_count(want, &c, NULL), HAL9_OK);
    return c.total;
}

static void counted_by_port_and_peer(void **state) {
    (void)state;
    struct world w;
    connect_all(&w);
    const unsigned up = 1u << HAL9_TCP_ESTABLISHED;
    struct hal9_addr v4, v6;
    assert_true(hal9_addr_of_text("127.0.0.1", &v4));
    assert_true(hal9_addr_of_text("::1", &v6));
    assert_int_equal(count(&(struct hal9_connections_want){.states = up, .local_port = w.port}), 3);
    assert_int_equal(count(&(struct hal9_connections_want){.states = up, .peer_port = w.port}), 3);
    /* a mapped address is its IPv4 one */
    assert_int_equal(
        count(&(struct hal9_connections_want){.states = up, .peer_port = w.port, .peer = &v4}), 2);
    assert_int_equal(
        count(&(struct hal9_connections_want){.states = up, .peer_port = w.port, .peer = &v6}), 1);
    assert_int_equal(count(&(struct hal9_connections_want){
                         .states = up, .peer_port = w.port, .local_port = w.port}),
                     0);
    /* half of one is closed: no more established on either side; and a listener is no connection */
    shutdown(w.clients[0], SHUT_WR);
    char byte;
    assert_int_equal(read(w.accepted[0], &byte, 1), 0);
    assert_int_equal(count(&(struct hal9_connections_want){.states = up, .local_port = w.port}), 2);
    struct hal9_connection_counts c = {0};
    assert_int_equal(
        hal9_connections_count(&(struct hal9_connections_want){.local_port = w.port}, &c, NULL),
        HAL9_OK);
    assert_int_equal(c.total, 3);
    assert_int_equal(c.by_state[HAL9_TCP_CLOSE_WAIT], 1);
    assert_string_equal(hal9_tcp_state_name(HAL9_TCP_CLOSE_WAIT), "close-wait");
    close_all(&w);
}

static void told_whose_they_are(void **state) {
    (void)state;
    struct world w;
    connect_all(&w);
    const struct hal9_connections_want want = {.states = 1u << HAL9_TCP_ESTABLISHED,
                                               .peer_port = w.port};
    const pid_t us = getpid(), gone = 0x3ffffff, both[] = {us, gone};
    size_t n = 9;
    assert_int_equal(hal9_connections_held(&want, both, 2, &n, NULL), HAL9_OK);
    assert_int_equal(n, 3);
    assert_int_equal(hal9_connections_held(&want, &gone, 1, &n, NULL), HAL9_OK);
    assert_int_equal(n, 0);
    close_all(&w);
}

struct tally {
    size_t n;
    uint16_t port;
};

static void note(const struct hal9_connection *c, void *data) {
    struct tally *t = data;
    assert_int_equal(c->state, HAL9_TCP_ESTABLISHED);
    t->n += c->peer_port == t->port;
}

/* Where there is no sock_diag. */
static void told_by_proc_net_as_well(void **state) {
    (void)state;
    struct world w;
    connect_all(&w);
    static const int families[] = {AF_INET, AF_INET6};
    struct tally t = {.port = w.port};
    for (size_t i = 0; i < 2; i++) {
        struct hal9_diag_query q = {.family = families[i],
                                    .proto = HAL9_TCP,
                                    .states = HAL9_DIAG_ESTABLISHED,
                                    .connection = note,
                                    .peer_port = w.port};
        assert_int_equal(hal9_proc_net_dump(&q, NULL, &t), 0);
    }
    assert_int_equal(t.n, 3);
    close_all(&w);
    struct hal9_diag_query any = {.family = AF_INET, .proto = HAL9_TCP, .states = ~0u};
    struct hal9_connection c;
    assert_true(hal9_proc_net_connection("  0: 0100007F:1F90 0200007F:0050 01 00000000:00000000 "
                                         "00:00000000 00000000  1000  0 12345 1",
                                         &any, &c));
    assert_int_equal(c.local_port, 8080);
    assert_int_equal(c.peer_port, 80);
    assert_int_equal(c.peer.bytes[0], 127);
    assert_int_equal(c.inode, 12345);
    assert_false(hal9_proc_net_connection("  sl  local_address rem_address   st", &any, &c));
}

static void addresses_of_this_host(void **state) {
    (void)state;
    struct hal9_addr a;
    assert_true(hal9_addr_of_text("127.8.8.8", &a) && hal9_addr_of_host(&a));
    assert_true(hal9_addr_of_text("::1", &a) && hal9_addr_of_host(&a));
    assert_true(hal9_addr_of_text("::ffff:127.0.0.1", &a) && hal9_addr_of_host(&a));
    assert_true(hal9_addr_of_text("192.0.2.1", &a) && !hal9_addr_of_host(&a));
    assert_false(hal9_addr_of_text("localhost", &a));
    assert_false(hal9_addr_of_text("1.2.3", &a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_by_port_and_peer),
        cmocka_unit_test(told_whose_they_are),
        cmocka_unit_test(told_by_proc_net_as_well),
        cmocka_unit_test(addresses_of_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
