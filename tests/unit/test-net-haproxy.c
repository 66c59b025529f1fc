/* HAProxy's Runtime API: names of sockets, answers taken apart, many commands in short lines, peers that misbehave. */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/haproxy.h"

/* ---- text ---- */

static void assert_wrong(const char *socket, const char *words) {
    _cleanup_free_ char *wrong = hal9_haproxy_wrong(socket);
    if (!words) {
        assert_null(wrong);
        return;
    }
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, words));
}

static void names_of_sockets(void **state) {
    (void)state;
    assert_wrong("unix:/run/haproxy.sock", NULL);
    assert_wrong("tcp:lb1:9999", NULL);
    assert_wrong("tcp:[::1]:9999", NULL);
    assert_wrong("tcp:::1:9999", "brackets");
    assert_wrong("tcp:lb1", "wants tcp:HOST:PORT");
    assert_wrong("tcp:lb1:0", "no port from 1 to 65535");
    assert_wrong("tcp:lb1:99999", "no port from 1 to 65535");
    assert_wrong("/run/haproxy.sock", "wants unix:PATH");
    assert_wrong("unix:run/haproxy.sock", "absolute");
    assert_wrong("", "wants unix:PATH");
    char longest[256] = "unix:/";
    memset(longest + 6, 'a', 200);
    assert_wrong(longest, "too long");
    _cleanup_free_ char *host = NULL;
    uint16_t port;
    assert_true(hal9_haproxy_tcp("tcp:[fe80::1]:17", &host, &port));
    assert_string_equal(host, "fe80::1");
    assert_int_equal(port, 17);
}

static void answers_are_split_at_empty_lines(void **state) {
    (void)state;
    _cleanup_strv_ struct hal9_strv a = {0}, few = {0}, torn = {0};
    hal9_haproxy_split("\n\n[3]: No such server.\n\n1\n# a b\n1 2\n\n", 9, &a);
    assert_int_equal(a.n, 4);
    assert_string_equal(a.v[0], "");
    assert_string_equal(a.v[1], "");
    assert_string_equal(a.v[2], "[3]: No such server.");
    assert_string_equal(a.v[3], "1\n# a b\n1 2");
    hal9_haproxy_split("\n\n\n", 2, &few);
    assert_int_equal(few.n, 2);
    hal9_haproxy_split("\nName: x\nPid: 1", 9, &torn); /* killed in the middle of an answer */
    assert_int_equal(torn.n, 1);
}

static void errors_have_a_number(void **state) {
    (void)state;
    assert_string_equal(hal9_haproxy_error("[3]: No such server."), "No such server.");
    assert_string_equal(hal9_haproxy_error("[6]: Unknown command"), "Unknown command");
    assert_null(hal9_haproxy_error(""));
    assert_null(hal9_haproxy_error("[3]"));
    assert_null(hal9_haproxy_error("1\n# be_id"));
    assert_null(hal9_haproxy_error("[9]: no such level"));
}

static void columns_go_by_their_names(void **state) {
    (void)state;
    struct hal9_haproxy_table t = {0};
    /* a version with more and other columns, a line that is too short, one that is too long */
    assert_true(hal9_haproxy_table("1\n# srv_name new srv_uweight\ns1  x 5\ns2 y\ns3 z 7 8\n", ' ',
                                   NULL, &t));
    assert_int_equal(t.rows, 3);
    size_t weight = hal9_haproxy_column(&t, "srv_uweight");
    assert_int_equal(hal9_haproxy_number(&t, 0, weight, -1), 5);
    assert_int_equal(hal9_haproxy_number(&t, 1, weight, -1), -1);
    assert_int_equal(hal9_haproxy_number(&t, 2, weight, -1), 7);
    assert_string_equal(hal9_haproxy_cell(&t, 1, 0), "s2");
    assert_null(hal9_haproxy_cell(&t, 3, 0));
    assert_null(hal9_haproxy_cell(&t, 0, hal9_haproxy_column(&t, "served")));
    hal9_haproxy_table_clear(&t);
    assert_true(hal9_haproxy_table("# a b c\n1 2 3\n", ' ', "b", &t)); /* no more than are wanted */
    assert_int_equal(hal9_haproxy_column(&t, "c"), SIZE_MAX);
    assert_string_equal(hal9_haproxy_cell(&t, 0, 1), "2");
    hal9_haproxy_table_clear(&t);
    /* between commas an empty cell is one */
    assert_true(hal9_haproxy_table("# pxname,svname,qcur,scur,\nb,s1,,4,\n", ',', NULL, &t));
    assert_int_equal(hal9_haproxy_number(&t, 0, hal9_haproxy_column(&t, "scur"), -1), 4);
    assert_int_equal(hal9_haproxy_number(&t, 0, hal9_haproxy_column(&t, "qcur"), -1), -1);
    hal9_haproxy_table_clear(&t);
    assert_false(hal9_haproxy_table("Can't find backend.", ' ', NULL, &t));
    _cleanup_free_ char *pid = hal9_haproxy_field("Name: HAProxy\nPid: 42\nUptime: 1", "Pid");
    assert_string_equal(pid, "42");
    assert_null(hal9_haproxy_field("XPid: 42", "Pid"));
}

/* ---- a peer ---- */

enum manner { OBEY, REFUSE_LONG, CUT, SILENT };
struct peer {
    char dir[64], socket[128];
    int fd;
    enum manner manner;
    pthread_t thread;
    size_t lines, longest, commands, odd; /* lines of an odd number of commands */
};

static size_t read_line(int fd, char *line, size_t room) {
    size_t len = 0;
    while (len < room && (len == 0 || line[len - 1] != '\n')) {
        ssize_t n = read(fd, line + len, room - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

static void answer(struct peer *p, int fd) {
    static char line[65536];
    static const char refusal[] = "The command line is too big for the buffer size (1024).\n\n";
    size_t len = read_line(fd, line, sizeof(line)), n = 1;
    if (p->manner == REFUSE_LONG && len > 1024) {
        assert_true(write(fd, refusal, strlen(refusal)) > 0);
        return;
    }
    for (size_t i = 0; i < len; i++)
        n += line[i] == ';';
    p->lines++;
    p->commands += n - 1;
    p->odd += (n - 1) % 2;
    p->longest = len > p->longest ? len : p->longest;
    if (p->manner == CUT && n > 2)
        n = 2;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(write(fd, "\n", 1), 1);
}

static void *serve(void *data) {
    struct peer *p = data;
    int fd;
    while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
        answer(p, fd);
        close(fd);
    }
    return NULL;
}

static void start(struct peer *p, enum manner manner) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    *p = (struct peer){.manner = manner};
    snprintf(p->dir, sizeof(p->dir), "/tmp/hal9-haproxy.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/sock", p->dir);
    snprintf(p->socket, sizeof(p->socket), "unix:%s", un.sun_path);
    p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(p->fd, 8), 0);
    if (manner != SILENT)
        assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void stop(struct peer *p) {
    shutdown(p->fd, SHUT_RDWR);
    if (p->manner != SILENT)
        pthread_join(p->thread, NULL);
    close(p->fd);
    unlink(p->socket + strlen("unix:"));
    rmdir(p->dir);
}

static void add_commands(struct hal9_strv *c, int n) {
    for (int i = 0; i < n; i++)
        hal9_strv_take(c, hal9_strf("set server backend/server%04d weight %d", i, i % 100));
}

static void many_commands_take_few_lines(void **state) {
    (void)state;
    struct peer p;
    _cleanup_strv_ struct hal9_strv c = {0}, a = {0};
    const struct hal9_haproxy_how how = {.cancel_fd = -1}, tight = {.cancel_fd = -1, .line = 2000};
    start(&p, OBEY);
    add_commands(&c, 1000);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, NULL), HAL9_OK);
    assert_int_equal(a.n, 1000);
    assert_int_equal(p.commands, 1000);
    assert_true(p.lines <= 4);
    assert_true(p.longest < 16384 - 1024);
    p.longest = 0;
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &tight, &a, NULL), HAL9_OK);
    assert_int_equal(a.n, 1000);
    assert_true(p.longest <= 2000);
    stop(&p);
}

/* Some at once; what is about one server stays together, so in its order. */
static void lines_that_go_at_once(void **state) {
    (void)state;
    struct peer p;
    _cleanup_strv_ struct hal9_strv c = {0}, a = {0};
    const struct hal9_haproxy_how how = {.cancel_fd = -1, .parallel = true},
                                  tight = {.cancel_fd = -1, .parallel = true, .line = 1500};
    start(&p, OBEY);
    for (int i = 0; i < 1000; i++) {
        hal9_strv_take(&c, hal9_strf("set server b/s%d weight %d", i, i % 100));
        hal9_strv_take(&c, hal9_strf("set server b/s%d state ready", i));
    }
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, NULL), HAL9_OK);
    assert_int_equal(a.n, 2000);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &tight, &a, NULL), HAL9_OK);
    assert_int_equal(p.commands, 4000);
    assert_int_equal(p.odd, 0);
    stop(&p);
    _cleanup_error_ struct hal9_error err = {0};
    start(&p, CUT);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, &err), HAL9_E_PROTOCOL);
    assert_non_null(strstr(err.message, "broke off after 1 of 2000 answers"));
    stop(&p);
    start(&p, REFUSE_LONG);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, NULL), HAL9_OK);
    assert_int_equal(a.n, 2000);
    assert_int_equal(p.odd, 0);
    stop(&p);
}

static void a_smaller_buffer_is_found_out(void **state) {
    (void)state;
    struct peer p;
    _cleanup_strv_ struct hal9_strv c = {0}, a = {0};
    const struct hal9_haproxy_how how = {.cancel_fd = -1};
    start(&p, REFUSE_LONG);
    add_commands(&c, 300);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, NULL), HAL9_OK);
    assert_int_equal(a.n, 300);
    assert_int_equal(p.commands, 300);
    assert_true(p.longest <= 1024);
    stop(&p);
}

static void one_that_breaks_off_is_told_with_how_far_it_came(void **state) {
    (void)state;
    struct peer p;
    _cleanup_strv_ struct hal9_strv c = {0}, a = {0};
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_haproxy_how how = {.cancel_fd = -1};
    start(&p, CUT);
    add_commands(&c, 5);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, &err), HAL9_E_PROTOCOL);
    assert_non_null(strstr(err.message, "broke off after 1 of 5 answers"));
    assert_int_equal(a.n, 0);
    stop(&p);
}

/* It accepts (the kernel does) and never answers; and a signal ends the wait. */
static void one_that_is_silent_is_bounded(void **state) {
    (void)state;
    struct peer p;
    _cleanup_strv_ struct hal9_strv c = {0}, a = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_haproxy_how how = {.cancel_fd = -1, .timeout_ms = 100};
    int fds[2];
    start(&p, SILENT);
    add_commands(&c, 1);
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, &err), HAL9_E_TIMEOUT);
    assert_non_null(strstr(err.message, p.socket));
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    how.cancel_fd = fds[0];
    how.timeout_ms = 60000;
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, &err), HAL9_E_INTERRUPTED);
    close(fds[0]);
    close(fds[1]);
    stop(&p);
    how.cancel_fd = -1;
    assert_int_equal(hal9_haproxy_ask(p.socket, &c, &how, &a, &err), HAL9_E_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_sockets),
        cmocka_unit_test(answers_are_split_at_empty_lines),
        cmocka_unit_test(errors_have_a_number),
        cmocka_unit_test(columns_go_by_their_names),
        cmocka_unit_test(many_commands_take_few_lines),
        cmocka_unit_test(lines_that_go_at_once),
        cmocka_unit_test(a_smaller_buffer_is_found_out),
        cmocka_unit_test(one_that_breaks_off_is_told_with_how_far_it_came),
        cmocka_unit_test(one_that_is_silent_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
