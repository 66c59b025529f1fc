/* Reads what systemctl show prints. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/systemd.h"

const char hal9_unit_properties[] =
    "LoadState,Id,ActiveState,SubState,ControlGroup,MainPID,RestartUSec,Restart,ExecStart,"
    "TriggeredBy,RequiredBy,BoundBy,ConsistsOf,FragmentPath";

void hal9_unit_clear(struct hal9_unit *u) {
    free(u->name);
    free(u->active);
    free(u->sub);
    free(u->cgroup);
    free(u->restart);
    free(u->exec_start);
    free(u->fragment);
    hal9_strv_free(&u->triggered_by);
    hal9_strv_free(&u->required_by);
    *u = (struct hal9_unit){0};
}

int64_t hal9_unit_span_ms(const char *text) {
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {
        {"us", 1},
        {"ms", 1000},
        {"s", 1000000},
        {"min", 60 * INT64_C(1000000)},
        {"h", 3600 * INT64_C(1000000)},
        {"d", 86400 * INT64_C(1000000)},
        {"day", 86400 * INT64_C(1000000)},
        {"w", 7 * 86400 * INT64_C(1000000)},
        {"month", 2629800 * INT64_C(1000000)},
        {"y", 31557600 * INT64_C(1000000)},
    };
    double us = 0;
    if (hal9_streq(text, "infinity"))
        return -1;
    while (*text) {
        char *end;
        const double number = strtod(text, &end);
        const size_t length = strcspn(end, " ");
        if (end == text)
            return 0;
        for (size_t i = 0; i < HAL9_ARRAY_LEN(units); i++)
            if (strlen(units[i].unit) == length && memcmp(units[i].unit, end, length) == 0)
                us += number * (double)units[i].us;
        text = end + length;
        text += strspn(text, " ");
    }
    return us < 9e18 ? (int64_t)(us / 1000) : -1;
}

static void add_words(struct hal9_strv *to, const char *words) {
    while (*words) {
        const size_t length = strcspn(words, " ");
        if (length > 0)
            hal9_strv_take(to, hal9_strndup(words, length));
        words += length;
        words += strspn(words, " ");
    }
}

static void set_text(char **field, const char *value) {
    free(*field);
    *field = hal9_strdup(value);
}

/* "{ path=/usr/bin/x ; argv[]=/usr/bin/x -a ; … }" */
static void take_exec(struct hal9_unit *u, const char *value) {
    const char *path = strstr(value, "path=");
    if (!path || u->exec_start)
        return;
    path += strlen("path=");
    const char *end = strstr(path, " ;");
    u->exec_start = hal9_strndup(path, end ? (size_t)(end - path) : strlen(path));
}

static void take_property(struct hal9_unit *u, const char *name, const char *value) {
    if (strcmp(name, "Id") == 0)
        set_text(&u->name, value);
    else if (strcmp(name, "ActiveState") == 0)
        set_text(&u->active, value);
    else if (strcmp(name, "SubState") == 0)
        set_text(&u->sub, value);
    else if (strcmp(name, "ControlGroup") == 0)
        set_text(&u->cgroup, value);
    else if (strcmp(name, "Restart") == 0)
        set_text(&u->restart, value);
    else if (strcmp(name, "MainPID") == 0)
        u->main_pid = (pid_t)strtol(value, NULL, 10);
    else if (strcmp(name, "RestartUSec") == 0)
        u->restart_ms = hal9_unit_span_ms(value);
    else if (strcmp(name, "ExecStart") == 0)
        take_exec(u, value);
    else if (strcmp(name, "FragmentPath") == 0)
        set_text(&u->fragment, *value ? value : NULL);
    else if (strcmp(name, "TriggeredBy") == 0)
        add_words(&u->triggered_by, value);
    else
        add_words(&u->required_by, value);
}

hal9_status hal9_unit_parse(const char *unit, const char *text, struct hal9_unit *ret,
                            struct hal9_error *err) {
    _cleanup_(hal9_unit_clear) struct hal9_unit u = {0};
    bool loaded = false;
    while (*text) {
        const size_t length = strcspn(text, "\n");
        _cleanup_free_ char *line = hal9_strndup(text, length);
        char *value = strchr(line, '=');
        text += length + (text[length] == '\n');
        if (!value)
            continue;
        *value++ = '\0';
        if (strcmp(line, "LoadState") == 0)
            loaded = strcmp(value, "loaded") == 0;
        else
            take_property(&u, line, value);
    }
    if (!loaded)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "systemd knows no unit '%s'", unit);
    hal9_strv_sort_unique(&u.required_by);
    *ret = u;
    u = (struct hal9_unit){0};
    return HAL9_OK;
}
