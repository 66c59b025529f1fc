/* The services that tests ask for: the fixture servers by their programs. */
#ifndef HAL9_TESTS_SERVICE_H
#define HAL9_TESTS_SERVICE_H

#include <sys/stat.h>

#include "checks.h"
#include "peer.h"

/* Tests run side by side, so each has programs of its own: copies, which no other test's server can be taken for. For
 * cmocka_run_group_tests(). */
static char programs[64];
static inline int programs_setup(void **state) {
    static const char *const names[] = {"hal9-server", "layer9-server", "hold-port"};
    const char *from = getenv("HAL9_FIXTURES");
    (void)state;
    snprintf(programs, sizeof(programs), "/tmp/hal9-programs.XXXXXX");
    if (!from || !mkdtemp(programs))
        return -1;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        _cleanup_free_ char *source = hal9_path_join(from, names[i]);
        _cleanup_free_ char *copy = hal9_path_join(programs, names[i]);
        _cleanup_buf_ struct hal9_buf bytes = {0};
        if (hal9_file_read(source, 16 << 20, &bytes, NULL) != HAL9_OK ||
            hal9_file_write(copy, bytes.data, bytes.len, 0755, NULL) != HAL9_OK)
            return -1;
    }
    return setenv("HAL9_FIXTURES", programs, 1) || chmod(programs, 0755);
}

static inline int programs_teardown(void **state) {
    static const char *const names[] = {"hal9-server", "layer9-server", "hold-port"};
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        _cleanup_free_ char *copy = hal9_path_join(programs, names[i]);
        unlink(copy);
    }
    return rmdir(programs);
}

/* Known by the fixture's path, as a real service is by its identity; free with hal9_service_ref_clear(). */
static inline struct hal9_service_ref service_of(const char *fixture) {
    char *path = hal9_strf("%s/%s", getenv("HAL9_FIXTURES"), fixture);
    struct hal9_service_ref ref = {.name = hal9_strdup(fixture)};
    ref.identity.exe = realpath(path, NULL);
    assert_non_null(ref.identity.exe);
    free(path);
    return ref;
}

/* A port that nobody listens on, kept by a bound socket, which the caller closes. */
static inline int closed_port(int *ret_port) {
    return bound_socket(SOCK_STREAM, ret_port);
}

#endif
