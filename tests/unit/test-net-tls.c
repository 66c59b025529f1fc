/* TLS is verified, always; the certificate that answered is evidence. Needs openssl(1) as the peer. */
#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>

#include "peer.h"

#include "base/cleanup.h"
#include "hal9ops/net.h"

struct tls {
    char dir[64], cert[96], fingerprint[65];
    pid_t pid;
    int port;
};

static int shell(const char *format, const char *dir) {
    _cleanup_free_ char *command = hal9_strf(format, dir, dir);
    return system(command);
}

/* "sha256 Fingerprint=AB:CD…" as our hex. */
static void read_fingerprint(struct tls *t) {
    _cleanup_free_ char *command =
        hal9_strf("openssl x509 -in %s -noout -fingerprint -sha256", t->cert);
    char line[256] = {0};
    size_t n = 0;
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    pclose(f);
    for (const char *c = strchr(line, '='); *c && n < 64; c++)
        if (isxdigit((unsigned char)*c))
            t->fingerprint[n++] = (char)tolower((unsigned char)*c);
    assert_int_equal(n, 64);
}

/* Waits for "ACCEPT 127.0.0.1:PORT". */
static int read_port(int fd) {
    char text[4096];
    size_t length = 0;
    while (length < sizeof(text) - 1) {
        const ssize_t n = read(fd, text + length, sizeof(text) - 1 - length);
        assert_true(n > 0);
        text[length += (size_t)n] = '\0';
        const char *accept = strstr(text, "ACCEPT "), *colon = accept ? strrchr(accept, ':') : NULL;
        if (colon && strchr(accept, '\n'))
            return atoi(colon + 1);
    }
    return 0;
}

static void serve(struct tls *t) {
    _cleanup_free_ char *key = hal9_strf("%s/key", t->dir);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    t->pid = fork();
    if (t->pid == 0) {
        alarm(100);
        dup2(fds[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", t->cert,
               "-key", key, NULL);
        _exit(127);
    }
    close(fds[1]);
    t->port = read_port(fds[0]);
    close(fds[0]);
    assert_true(t->port > 0);
}

static int setup(void **state) {
    struct tls *t = hal9_alloc(sizeof(*t));
    *state = t;
    snprintf(t->dir, sizeof(t->dir), "/tmp/hal9-tls.XXXXXX");
    if (!mkdtemp(t->dir))
        return -1;
    snprintf(t->cert, sizeof(t->cert), "%s/cert", t->dir);
    if (shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
              "-subj /CN=hal9 -addext subjectAltName=IP:127.0.0.1 -keyout %s/key -out %s/cert "
              ">/dev/null 2>&1",
              t->dir) != 0)
        return 0; /* no openssl: the tests are skipped */
    read_fingerprint(t);
    serve(t);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int teardown(void **state) {
    struct tls *t = *state;
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

static hal9_status ask(const struct tls *t, const char *host, const char *ca,
                       struct hal9_http_response *r, struct hal9_error *err) {
    char url[64];
    snprintf(url, sizeof(url), "https://%s:%d/", host, t->port);
    const struct hal9_http_request q = {.url = url, .ca_file = ca, .timeout_ms = 10000};
    return hal9_http(&q, -1, r, err);
}

static void need_openssl(const struct tls *t) {
    if (t->pid == 0) {
        print_message("skipped: needs openssl\n");
        skip();
    }
}

static void a_trusted_certificate_is_evidence(void **state) {
    const struct tls *t = *state;
    struct hal9_http_response r = {0};
    _cleanup_error_ struct hal9_error err = {0};
    need_openssl(t);
    if (ask(t, "127.0.0.1", t->cert, &r, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.certificate, t->fingerprint);
    hal9_http_response_clear(&r);
}

static void an_unknown_authority_is_refused(void **state) {
    const struct tls *t = *state;
    struct hal9_http_response r = {0};
    _cleanup_error_ struct hal9_error err = {0};
    need_openssl(t);
    assert_int_equal(ask(t, "127.0.0.1", NULL, &r, &err), HAL9_E_PROTOCOL);
    assert_int_equal(r.failure, HAL9_HTTP_TLS);
    assert_says(err, "TLS failed");
    assert_says(err, "certificate");
}

static void another_name_is_refused(void **state) {
    const struct tls *t = *state;
    struct hal9_http_response r = {0};
    _cleanup_error_ struct hal9_error err = {0};
    need_openssl(t);
    assert_int_equal(ask(t, "127.0.0.2", t->cert, &r, &err), HAL9_E_IO);
    assert_int_equal(r.failure, HAL9_HTTP_REFUSED); /* it listens on 127.0.0.1 alone */
    hal9_error_clear(&err);
    assert_int_equal(ask(t, "localhost", t->cert, &r, &err), HAL9_E_PROTOCOL);
    assert_int_equal(r.failure, HAL9_HTTP_TLS);
}

static void a_peer_without_tls_is_refused(void **state) {
    const struct tls *t = *state;
    struct peer p = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
    struct tls plain = *t;
    struct hal9_http_response r = {0};
    _cleanup_error_ struct hal9_error err = {0};
    peer_start(&p);
    plain.port = p.port;
    assert_int_equal(ask(&plain, "127.0.0.1", NULL, &r, &err), HAL9_E_PROTOCOL);
    assert_int_equal(r.failure, HAL9_HTTP_TLS);
    peer_stop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_certificate_is_evidence),
        cmocka_unit_test(an_unknown_authority_is_refused),
        cmocka_unit_test(another_name_is_refused),
        cmocka_unit_test(a_peer_without_tls_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
