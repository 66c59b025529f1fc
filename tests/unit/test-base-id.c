/* Identifiers, checksums and log lines. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static void ids_are_valid_sorted_and_unique(void **state) {
    (void)state;
    char last[HAL9_ID_LEN + 1] = "";
    for (int i = 0; i < 20000; i++) {
        char id[HAL9_ID_LEN + 1];
        hal9_id_new(id);
        assert_true(hal9_id_valid(id));
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(last));
    }
}

static void ids_hold_the_time(void **state) {
    (void)state;
    char early[HAL9_ID_LEN + 1];
    char late[HAL9_ID_LEN + 1];
    setenv("HAL9OPS_NOW", "2100-01-01T00:00:00Z", 1);
    hal9_id_new(early);
    setenv("HAL9OPS_NOW", "2100-01-01T00:00:00.001Z", 1);
    hal9_id_new(late);
    assert_true(strncmp(early, late, 10) < 0);
    setenv("HAL9OPS_NOW", "2099-01-01T00:00:00Z", 1); /* a clock that was set back */
    char back[HAL9_ID_LEN + 1];
    hal9_id_new(back);
    unsetenv("HAL9OPS_NOW");
    assert_true(strcmp(back, late) > 0);
    assert_int_equal(strncmp("03qcpc7p00", early, 10), 0); /* 4102444800000 */
}

/* Parent and child, at one frozen moment, go on from the same place and must not meet. */
static void ids_differ_after_fork(void **state) {
    (void)state;
    setenv("HAL9OPS_NOW", "2101-01-01T00:00:00Z", 1);
    char mine[HAL9_ID_LEN + 1];
    char childs[HAL9_ID_LEN + 1] = "";
    hal9_id_new(mine);
    int pipefd[2];
    assert_int_equal(pipe(pipefd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        hal9_id_new(childs);
        _exit(write(pipefd[1], childs, HAL9_ID_LEN) == HAL9_ID_LEN ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(pipefd[0], childs, HAL9_ID_LEN), HAL9_ID_LEN);
    close(pipefd[0]);
    close(pipefd[1]);
    hal9_id_new(mine);
    unsetenv("HAL9OPS_NOW");
    assert_string_not_equal(mine, childs);
}

static void bad_ids_are_refused(void **state) {
    (void)state;
    assert_true(hal9_id_valid("01jd8z4k2m7f3a"));
    static const char *const bad[] = {
        "", "01jd8z", "01jd8z4k2m7f3a0", "01JD8Z4K2M7F3A", "01jd8z4k2m7f3i", "01jd8z4k2m/../"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++)
        assert_false(hal9_id_valid(bad[i]));
    assert_false(hal9_id_valid(NULL));
}

static void crc32c_vectors(void **state) {
    (void)state;
    assert_int_equal(hal9_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(hal9_crc32c(0, NULL, 0), 0);
    /* RFC 3720, B.4: 32 bytes of zeroes, of ones, rising */
    unsigned char bytes[32] = {0};
    assert_int_equal(hal9_crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(hal9_crc32c(0, bytes, 32), 0x62a8ab43);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(hal9_crc32c(0, bytes, 32), 0x46dd794e);
}

static void crc32c_chains(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= 9; cut++) {
        uint32_t first = hal9_crc32c(0, "123456789", cut);
        assert_int_equal(hal9_crc32c(first, &"123456789"[cut], 9 - cut), 0xe3069283);
    }
}

static void sha256_vectors(void **state) {
    (void)state;
    char hex[65];
    hal9_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hal9_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* What fn writes to stderr. */
static void said(void (*fn)(void), char *text, size_t size) {
    int pipefd[2];
    assert_int_equal(pipe(pipefd), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipefd[1], STDERR_FILENO);
    fn();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipefd[1]);
    ssize_t n = read(pipefd[0], text, size - 1);
    close(pipefd[0]);
    text[n > 0 ? n : 0] = '\0';
}

static void quiet_errors(void) {
    hal9_log_setup("hal9-health", -1);
    hal9_log(0, "%s is down", "x");
    hal9_log(1, "detail");
}
static void verbose(void) {
    hal9_log_setup("hal9-health", 1);
    hal9_log(1, "detail");
    hal9_log(2, "more detail");
}
static void hostile(void) {
    hal9_log_setup("hal9-health", 0);
    hal9_log(0, "a\nhal9-health: all is well\x1b[2J%s", "\x7f");
}

static void log_lines(void **state) {
    (void)state;
    char text[256];
    said(quiet_errors, text, sizeof(text));
    assert_string_equal(text, "hal9-health: x is down\n");
    said(verbose, text, sizeof(text));
    assert_string_equal(text, "hal9-health: detail\n");
    said(hostile, text, sizeof(text));
    assert_string_equal(text, "hal9-health: a hal9-health: all is well?[2J?\n");
}

static void version_is_that_of_the_build(void **state) {
    (void)state;
    assert_string_equal(hal9_version(), "0.1.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_valid_sorted_and_unique),
        cmocka_unit_test(ids_hold_the_time),
        cmocka_unit_test(ids_differ_after_fork),
        cmocka_unit_test(bad_ids_are_refused),
        cmocka_unit_test(crc32c_vectors),
        cmocka_unit_test(crc32c_chains),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(version_is_that_of_the_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
