/* Secrets are references, read at use. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "doc/redact-internal.h"

#define SECRET_MAX 65536

static void wipe(char *p, size_t len) {
    volatile char *v = p;
    while (len-- > 0)
        *v++ = 0;
}

void hal9_secret_free(char *secret) {
    if (secret)
        wipe(secret, strlen(secret));
    free(secret);
}

/* A buffer that is wiped when its scope ends. */
struct scratch {
    char text[SECRET_MAX + 2];
    size_t len;
};
static void scratch_free(struct scratch **s) {
    wipe((*s)->text, sizeof((*s)->text));
    free(*s);
}

static int read_all(int fd, struct scratch *s) {
    while (s->len <= SECRET_MAX) {
        ssize_t n = read(fd, s->text + s->len, SECRET_MAX + 1 - s->len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -1;
        s->len += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void cut_newline(struct scratch *s) {
    if (s->len > 0 && s->text[s->len - 1] == '\n')
        s->text[--s->len] = '\0';
    if (s->len > 0 && s->text[s->len - 1] == '\r')
        s->text[--s->len] = '\0';
}

static hal9_status read_file(const char *path, char **ret, struct hal9_error *err) {
    _cleanup_(scratch_free) struct scratch *s = hal9_alloc(sizeof(*s));
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "the secret in %s cannot be read", path);
    /* A pipe or a terminal may never answer. */
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return hal9_error_set(err, HAL9_E_CONFIG, "the secret in %s cannot be read: it is no file",
                              path);
    if (read_all(fd, s) < 0)
        return hal9_error_errno(err, errno, "the secret in %s cannot be read", path);
    const char *why = s->len > SECRET_MAX ? "is larger than 64 KiB" : NULL;
    cut_newline(s);
    if (s->len == 0)
        why = "is empty";
    else if (!why && strlen(s->text) != s->len)
        why = "has a NUL byte";
    if (why)
        return hal9_error_set(err, HAL9_E_CONFIG, "the secret in %s %s", path, why);
    *ret = hal9_strdup(s->text);
    return HAL9_OK;
}

static hal9_status read_env(const char *name, char **ret, struct hal9_error *err) {
    const char *value = getenv(name);
    if (!value || !*value) {
        hal9_error_set(err, HAL9_E_NOT_FOUND, "the secret in the environment variable %s is %s",
                       name, value ? "empty" : "not there");
        hal9_error_hint(err, "set %s, or put the secret into a file and write file:PATH", name);
        return HAL9_E_NOT_FOUND;
    }
    *ret = hal9_strdup(value);
    return HAL9_OK;
}

static hal9_status read_reference(const char *reference, char **ret, struct hal9_error *err) {
    if (hal9_startswith(reference, "file:"))
        return read_file(reference + 5, ret, err);
    if (hal9_startswith(reference, "env:"))
        return read_env(reference + 4, ret, err);
    return hal9_error_set(err, HAL9_E_CONFIG, "a secret wants a reference, file:PATH or env:NAME");
}

hal9_status hal9_secret_read(const char *reference, char **ret, struct hal9_error *err) {
    hal9_status status = read_reference(reference, ret, err);
    if (status == HAL9_OK)
        redact_remember(*ret);
    return status;
}

bool hal9_secret_name(const char *name) {
    static const char *const within[] = {"token",  "password",      "passwd", "passphrase",
                                         "secret", "authorization", "apikey", "credential",
                                         "cookie", "bearer"};
    static const char *const endings[] = {"key", "pass", "pwd", "auth", "dsn", "pw"};
    size_t len = strlen(name);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(within); i++)
        if (strcasestr(name, within[i]))
            return true;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(endings); i++) {
        size_t n = strlen(endings[i]);
        if (len > n && strcasecmp(name + len - n, endings[i]) == 0 &&
            (name[len - n - 1] == '_' || name[len - n - 1] == '-' || name[len - n - 1] == '.'))
            return true;
    }
    return false;
}
