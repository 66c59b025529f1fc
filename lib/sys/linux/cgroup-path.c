/* What a cgroup path tells: the systemd unit and the container of a process. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum { CONTAINER_ID_LEN = 64 };

/* The path behind `key` in a line of /proc/PID/cgroup that has it; fresh, or NULL. */
static char *line_path(const char *text, const char *key) {
    size_t len = strlen(key);
    while (text && *text) {
        const char *colon = strchr(text, ':');
        if (colon && strncmp(colon, key, len) == 0)
            return hal9_strndup(colon + len, strcspn(colon + len, "\n"));
        const char *newline = strchr(text, '\n');
        text = newline ? newline + 1 : NULL;
    }
    return NULL;
}

char *hal9_cgroup_of_text(const char *text) {
    char *unified = line_path(text, "::");
    /* Hybrid without a use of the unified tree: systemd's own hierarchy has the services. */
    if (unified && strcmp(unified, "/") != 0)
        return unified;
    char *named = line_path(text, ":name=systemd:");
    if (!named)
        return unified;
    free(unified);
    return named;
}

char *hal9_cgroup_unit(const char *path) {
    const char *end = path + strlen(path);
    while (end > path) {
        const char *start = end;
        while (start > path && start[-1] != '/')
            start--;
        _cleanup_free_ char *part = hal9_strndup(start, (size_t)(end - start));
        /* A name that would clash with the kernel's files carries an underscore before it. */
        const char *name = *part == '_' ? part + 1 : part;
        if (hal9_endswith(name, ".service") && strcmp(name, ".service") != 0)
            return hal9_strdup(name);
        end = start > path ? start - 1 : path;
    }
    return NULL;
}

/* Whether 64 hexadecimal digits stand here and end the word. */
static bool is_container_id(const char *s) {
    size_t n = 0;
    while (isxdigit((unsigned char)s[n]))
        n++;
    return n == CONTAINER_ID_LEN && (s[n] == '\0' || s[n] == '/' || s[n] == '.' || s[n] == ':');
}

char *hal9_cgroup_container(const char *path) {
    /* docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, crio-ID.scope, /docker/ID, /kubepods/.../ID. Behind the
     * last one only: a container in a container is the inner one to the kernel, and to us. */
    const char *found = NULL;
    for (const char *at = path; *at; at++)
        if ((*at == '/' || *at == '-' || *at == ':') && is_container_id(at + 1))
            found = at + 1;
    return found ? hal9_strndup(found, CONTAINER_ID_LEN) : NULL;
}
