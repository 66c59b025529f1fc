/* The blocking HTTP request, before good peers and hostile ones. */
#include "peer.h"

#include "base/cleanup.h"
#include "hal9ops/net.h"
#include "net/easy.h"

struct exchange {
    struct hal9_http_response r;
    struct hal9_error err;
    hal9_status status;
    char url[128];
};

static void ask(struct exchange *x, int port, const char *path, struct hal9_http_request q) {
    memset(x, 0, sizeof(*x));
    snprintf(x->url, sizeof(x->url), "http://127.0.0.1:%d%s", port, path);
    q.url = x->url;
    if (!q.timeout_ms)
        q.timeout_ms = 5000;
    x->status = hal9_http(&q, -1, &x->r, &x->err);
}

static void forget(struct exchange *x) {
    hal9_http_response_clear(&x->r);
    hal9_error_clear(&x->err);
}

static void a_server_answers(void **state) {
    (void)state;
    struct fixture f = fixture_start("hal9-server", (const char *[]){"--port", "0", NULL});
    struct exchange x;
    char peer[64];
    ask(&x, f.port, "/health", (struct hal9_http_request){0});
    assert_int_equal(x.status, HAL9_OK);
    assert_int_equal(x.r.status, 200);
    assert_int_equal(x.r.failure, HAL9_HTTP_NONE);
    assert_non_null(strstr(x.r.body.data, "\"status\":\"ok\""));
    assert_string_equal(hal9_http_header(&x.r, "Content-Type"), "application/json");
    assert_null(hal9_http_header(&x.r, "Content"));
    snprintf(peer, sizeof(peer), "127.0.0.1:%d", f.port);
    assert_string_equal(x.r.peer, peer);
    assert_string_equal(x.r.final_url, x.url);
    assert_true(hal9_startswith(x.r.local, "127.0.0.1:"));
    assert_true(x.r.us > 0 && x.r.connect_us > 0 && x.r.connect_us <= x.r.us);
    assert_null(x.r.certificate);
    forget(&x);
    ask(&x, f.port, "/health", (struct hal9_http_request){.method = "HEAD"});
    assert_int_equal(x.r.status, 200);
    assert_int_equal(x.r.body.len, 0);
    forget(&x);
    fixture_stop(&f);
}

static void a_request_is_sent_as_told(void **state) {
    (void)state;
    struct peer p = {.answer = "HTTP/1.1 204 No Content\r\n\r\n"};
    const char *headers[] = {"X-Test: yes", NULL};
    struct exchange x;
    peer_start(&p);
    ask(&x, p.port, "/a?b",
        (struct hal9_http_request){
            .method = "PUT", .headers = headers, .data = "{}", .data_len = 2});
    assert_int_equal(x.status, HAL9_OK);
    assert_int_equal(x.r.status, 204);
    forget(&x);
    peer_stop(&p);
    assert_true(hal9_startswith(p.got, "PUT /a?b HTTP/1.1\r\n"));
    assert_non_null(strstr(p.got, "X-Test: yes\r\n"));
    assert_null(strstr(p.got, "Expect:"));
    assert_true(hal9_endswith(p.got, "\r\n\r\n{}"));
}

static void a_redirect_is_the_answer_unless_followed(void **state) {
    (void)state;
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--redirect", NULL});
    struct exchange x;
    ask(&x, f.port, "/health", (struct hal9_http_request){0});
    assert_int_equal(x.r.status, 302);
    assert_string_equal(hal9_http_header(&x.r, "location"), "/login");
    forget(&x);
    ask(&x, f.port, "/health", (struct hal9_http_request){.follow = 1});
    assert_int_equal(x.r.status, 200);
    assert_true(hal9_endswith(x.r.final_url, "/login"));
    assert_null(hal9_http_header(&x.r, "location"));
    forget(&x);
    fixture_stop(&f);
}

static void one_redirect_too_many_is_an_answer(void **state) {
    (void)state;
    struct peer p = {.answer = "HTTP/1.1 302 Found\r\nLocation: /again\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n"};
    struct exchange x;
    peer_start(&p);
    ask(&x, p.port, "/", (struct hal9_http_request){.follow = 3});
    assert_int_equal(x.status, HAL9_OK);
    assert_int_equal(x.r.status, 302);
    forget(&x);
    peer_stop(&p);
}

static void a_redirect_leads_to_no_file(void **state) {
    (void)state;
    struct peer p = {.answer = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n"};
    struct exchange x;
    peer_start(&p);
    ask(&x, p.port, "/", (struct hal9_http_request){.follow = 3});
    assert_int_not_equal(x.status, HAL9_OK);
    assert_null(x.r.body.data);
    forget(&x);
    peer_stop(&p);
}

static void failures_have_classes(void **state) {
    (void)state;
    static const struct {
        struct peer peer;
        enum hal9_http_failure failure;
        hal9_status status;
        const char *words;
    } cases[] = {
        {{.answer = NULL, .hold = true}, HAL9_HTTP_TIMEOUT, HAL9_E_TIMEOUT, "within 0.3 s"},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-", .hold = true},
         HAL9_HTTP_TIMEOUT,
         HAL9_E_TIMEOUT,
         "no whole answer"},
        {{.answer = NULL}, HAL9_HTTP_PROTOCOL, HAL9_E_PROTOCOL, "Empty reply"},
        {{.answer = NULL, .reset = true}, HAL9_HTTP_PROTOCOL, HAL9_E_PROTOCOL, "not a whole HTTP"},
        {{.answer = "SSH-2.0-OpenSSH_9.2\r\n", .greets = true},
         HAL9_HTTP_PROTOCOL,
         HAL9_E_PROTOCOL,
         "not a whole HTTP answer"},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"},
         HAL9_HTTP_PROTOCOL,
         HAL9_E_PROTOCOL,
         "not a whole HTTP answer"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct peer p = cases[i].peer;
        struct exchange x;
        peer_start(&p);
        ask(&x, p.port, "/", (struct hal9_http_request){.timeout_ms = 300});
        assert_int_equal(x.status, cases[i].status);
        assert_int_equal(x.r.failure, cases[i].failure);
        assert_says(x.err, cases[i].words);
        assert_null(x.r.body.data);
        forget(&x);
        peer_stop(&p);
    }
}

static void nobody_listens(void **state) {
    (void)state;
    struct exchange x;
    int port;
    int fd = bound_socket(SOCK_STREAM, &port); /* bound, so that nobody else can listen there */
    ask(&x, port, "/", (struct hal9_http_request){0});
    assert_int_equal(x.status, HAL9_E_IO);
    assert_int_equal(x.r.failure, HAL9_HTTP_REFUSED);
    assert_says(x.err, "connection refused");
    forget(&x);
    close(fd);
}

static void a_dripping_peer_ends_at_the_timeout(void **state) {
    (void)state;
    struct fixture f =
        fixture_start("hal9-server", (const char *[]){"--port", "0", "--drip", NULL});
    struct exchange x;
    const int64_t begin = hal9_mono_ms();
    ask(&x, f.port, "/health", (struct hal9_http_request){.timeout_ms = 300});
    assert_int_equal(x.r.failure, HAL9_HTTP_TIMEOUT);
    assert_in_range(hal9_mono_ms() - begin, 290, 3000);
    forget(&x);
    fixture_stop(&f);
}

static void a_huge_body_is_cut(void **state) {
    (void)state;
    static char block[64 * 1024];
    fill_block(block, sizeof(block), "HTTP/1.1 200 OK\r\n\r\n", "x");
    struct peer p = {.answer = block, .length = sizeof(block), .repeat = 1000};
    struct exchange x;
    peer_start(&p);
    ask(&x, p.port, "/", (struct hal9_http_request){.max_body = 100000});
    assert_int_equal(x.status, HAL9_OK);
    assert_true(x.r.truncated);
    assert_int_equal(x.r.body.len, 100000);
    forget(&x);
    peer_stop(&p);
}

static void headers_without_end_are_cut_off(void **state) {
    (void)state;
    static char block[64 * 1024];
    fill_block(block, sizeof(block), "HTTP/1.1 200 OK\n", "X-Head: 1234567\n");
    struct peer p = {.answer = block, .length = sizeof(block), .repeat = 1000};
    struct exchange x;
    peer_start(&p);
    ask(&x, p.port, "/", (struct hal9_http_request){0});
    assert_int_equal(x.r.failure, HAL9_HTTP_PROTOCOL);
    forget(&x);
    peer_stop(&p);
}

static void wrong_urls_are_usage_errors(void **state) {
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "gopher://x/", "http://",
                                       "http://a b/", ""};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(urls); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_http_response r = {0};
        const struct hal9_http_request q = {.url = urls[i]};
        assert_int_equal(hal9_http(&q, -1, &r, &err), HAL9_E_USAGE);
        assert_int_equal(r.failure, HAL9_HTTP_OTHER);
    }
}

static void an_unknown_host_is_told(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_http_response r = {0};
    const struct hal9_http_request q = {.url = "http://no-such-host.invalid/", .timeout_ms = 9000};
    unsetenv("http_proxy");
    assert_int_not_equal(hal9_http(&q, -1, &r, &err), HAL9_OK);
    /* Without a name server, the resolver may take longer than the timeout. */
    assert_true(r.failure == HAL9_HTTP_RESOLVE || r.failure == HAL9_HTTP_TIMEOUT);
}

static void loopback_has_no_proxy(void **state) {
    (void)state;
    struct fixture f = fixture_start("hal9-server", (const char *[]){"--port", "0", NULL});
    struct exchange x;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    ask(&x, f.port, "/health", (struct hal9_http_request){0});
    assert_int_equal(x.r.status, 200);
    forget(&x);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    fixture_stop(&f);
}

static void a_readable_cancel_fd_ends_it(void **state) {
    (void)state;
    struct peer p = {.hold = true};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_http_response r = {0};
    char url[64];
    int fds[2];
    peer_start(&p);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", p.port);
    const struct hal9_http_request q = {.url = url};
    assert_int_equal(hal9_http(&q, fds[0], &r, &err), HAL9_E_INTERRUPTED);
    close(fds[0]);
    close(fds[1]);
    peer_stop(&p);
}

static void urls_are_shown_without_secrets(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"http://a/b?c=d#e", "http://a/b?c=d#e"},
        {"http://u:geheim@a/b", "http://u:***@a/b"},
        {"http://u@a/", "http://u@a/"},
        {"https://a/b?x=1&token=geheim&y=2", "https://a/b?x=1&token=***&y=2"},
        {"https://a/?password=geheim#frag", "https://a/?password=***#frag"},
        {"https://a/p@th?token", "https://a/p@th?token"},
        {"nonsense", "nonsense"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *shown = hal9_url_redact(cases[i][0]);
        assert_string_equal(shown, cases[i][1]);
    }
}

static void urls_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        const char *url, *host, *path;
        uint16_t port;
        bool tls, password;
    } cases[] = {
        {"http://127.0.0.1:8080/health?x=1#y", "127.0.0.1", "/health", 8080, false, false},
        {"https://example.org", "example.org", "/", 443, true, false},
        {"http://[::1]:81?q", "::1", "/", 81, false, false},
        {"https://u:p@[fe80::1]/a@b", "fe80::1", "/a@b", 443, true, true},
        {"http://u@h/", "h", "/", 80, false, false},
    };
    static const char *const wrong[] = {"ftp://h/",      "http:/h",      "http://",
                                        "http://:80/",   "http://h:0/",  "http://h:65536/",
                                        "http://h:x/",   "http://[::1/", "http://[::1]x/",
                                        "http://a\\@b/", "http://a\tb/", "127.0.0.1:80"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_(hal9_url_clear) struct hal9_url u = {0};
        assert_ok(hal9_url_parse(cases[i].url, &u, NULL));
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.path, cases[i].path);
        assert_int_equal(u.port, cases[i].port);
        assert_int_equal(u.tls, cases[i].tls);
        assert_int_equal(u.password, cases[i].password);
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(wrong); i++) {
        struct hal9_url u = {0};
        assert_int_equal(hal9_url_parse(wrong[i], &u, NULL), HAL9_E_USAGE);
        assert_null(u.host);
    }
}

static void codes_are_classed(void **state) {
    (void)state;
    assert_int_equal(hal9_easy_failure(CURLE_OK, 0), HAL9_HTTP_NONE);
    assert_int_equal(hal9_easy_failure(CURLE_COULDNT_CONNECT, EHOSTUNREACH), HAL9_HTTP_CONNECT);
    assert_int_equal(hal9_easy_failure(CURLE_COULDNT_CONNECT, ETIMEDOUT), HAL9_HTTP_TIMEOUT);
    assert_int_equal(hal9_easy_failure(CURLE_PEER_FAILED_VERIFICATION, 0), HAL9_HTTP_TLS);
    assert_int_equal(hal9_easy_failure(CURLE_OUT_OF_MEMORY, 0), HAL9_HTTP_OTHER);
}

static void a_certificate_has_a_fingerprint(void **state) {
    (void)state;
    /* printf hal9 | base64, printf hal9 | sha256sum */
    _cleanup_free_ char *hex = hal9_pem_fingerprint("Cert:-----BEGIN CERTIFICATE-----\naGFs\nOQ==\n"
                                                    "-----END CERTIFICATE-----\n");
    char want[65];
    hal9_sha256_hex("hal9", 4, want);
    assert_string_equal(hex, want);
    assert_null(hal9_pem_fingerprint("no certificate"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_answers),
        cmocka_unit_test(a_request_is_sent_as_told),
        cmocka_unit_test(a_redirect_is_the_answer_unless_followed),
        cmocka_unit_test(one_redirect_too_many_is_an_answer),
        cmocka_unit_test(a_redirect_leads_to_no_file),
        cmocka_unit_test(failures_have_classes),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_dripping_peer_ends_at_the_timeout),
        cmocka_unit_test(a_huge_body_is_cut),
        cmocka_unit_test(headers_without_end_are_cut_off),
        cmocka_unit_test(wrong_urls_are_usage_errors),
        cmocka_unit_test(an_unknown_host_is_told),
        cmocka_unit_test(loopback_has_no_proxy),
        cmocka_unit_test(a_readable_cancel_fd_ends_it),
        cmocka_unit_test(urls_are_shown_without_secrets),
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(codes_are_classed),
        cmocka_unit_test(a_certificate_has_a_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
