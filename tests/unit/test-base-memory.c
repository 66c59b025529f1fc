/* Memory, growable arrays and byte strings. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static void alloc_is_zeroed(void **state) {
    (void)state;
    _cleanup_free_ char *p = hal9_alloc(100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    _cleanup_free_ void *none = hal9_alloc(0);
    assert_non_null(none);
}

/* Runs fn in a child; returns its signal and what it wrote to stderr. */
static int child_signal(void (*fn)(void), char *said, size_t size) {
    int pipefd[2];
    assert_int_equal(pipe(pipefd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(pipefd[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(pipefd[1]);
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(pipefd[0], said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(pipefd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void overflow_array(void) {
    free(hal9_realloc_array(NULL, SIZE_MAX / 2, 4));
}
static void overflow_grow(void) {
    size_t cap = 0;
    free(hal9_grow(NULL, &cap, SIZE_MAX, 1));
}
static void overflow_buf(void) {
    struct hal9_buf b = {.len = SIZE_MAX - 1};
    hal9_buf_add(&b, "xx", 2);
}

static void exhaustion_aborts_with_one_line(void **state) {
    (void)state;
    void (*const overflows[])(void) = {overflow_array, overflow_grow, overflow_buf};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(overflows); i++) {
        char said[256];
        assert_int_equal(child_signal(overflows[i], said, sizeof(said)), SIGABRT);
        assert_string_equal(said, "hal9ops: out of memory\n");
    }
}

static void strings_are_copied(void **state) {
    (void)state;
    assert_null(hal9_strdup(NULL));
    assert_null(hal9_strndup(NULL, 3));
    _cleanup_free_ char *cut = hal9_strndup("abcdef", 3);
    assert_string_equal(cut, "abc");
    _cleanup_free_ char *shorter = hal9_strndup("ab", 30);
    assert_string_equal(shorter, "ab");
    _cleanup_free_ char *text = hal9_strf("%d-%s", 5, "x");
    assert_string_equal(text, "5-x");
}

static void append_grows_and_zeroes(void **state) {
    (void)state;
    _cleanup_free_ struct pair {
        int a;
        char *b;
    } *pairs = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (int i = 0; i < 100; i++) {
        struct pair *p = HAL9_APPEND(pairs, n, cap);
        assert_int_equal(p->a, 0);
        assert_null(p->b);
        p->a = i;
    }
    assert_int_equal(n, 100);
    assert_true(cap >= 100);
    assert_int_equal(pairs[99].a, 99);
}

static void buf_is_always_terminated(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf b = {0};
    hal9_buf_add(&b, NULL, 0);
    assert_string_equal(b.data, "");
    for (int i = 0; i < 1000; i++) {
        hal9_buf_putc(&b, 'x');
        assert_int_equal(b.data[b.len], '\0');
    }
    hal9_buf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 1003);
    assert_memory_equal(b.data + 1000, "a\0b", 4);
    hal9_buf_reset(&b);
    assert_string_equal(b.data, "");
    hal9_buf_printf(&b, "%s %d", "n", 1);
    hal9_buf_puts(&b, "!");
    assert_string_equal(b.data, "n 1!");
}

static void buf_take_is_never_null(void **state) {
    (void)state;
    struct hal9_buf b = {0};
    _cleanup_free_ char *empty = hal9_buf_take(&b);
    assert_string_equal(empty, "");
    hal9_buf_puts(&b, "full");
    _cleanup_free_ char *full = hal9_buf_take(&b);
    assert_string_equal(full, "full");
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
    hal9_buf_reset(&b);
    assert_null(b.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_is_zeroed),
        cmocka_unit_test(exhaustion_aborts_with_one_line),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(append_grows_and_zeroes),
        cmocka_unit_test(buf_is_always_terminated),
        cmocka_unit_test(buf_take_is_never_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
