/* Questions to a person: on /dev/tty, answered by typing the name of the thing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

bool cli_forced(const char *guard) {
    return cli.yes && hal9_strv_has(&cli.force, guard);
}

/* A line from the terminal without its newline; false at its end or at a signal. */
static bool read_answer(int fd, char *ret, size_t size) {
    size_t n = 0;
    _cleanup_error_ struct hal9_error err = {0};

    while (n + 1 < size) {
        char c;

        if (hal9_wait_fd(fd, cli.deadline_ms, cli.cancel.soft_fd, &err) != HAL9_OK ||
            read(fd, &c, 1) != 1)
            return false;
        if (c == '\n')
            break;
        ret[n++] = c;
    }
    ret[n] = '\0';
    return true;
}

bool cli_confirm(const char *guard, const char *question, const char *name, bool *ret_asked) {
    char answer[256];

    *ret_asked = false;
    if (cli_forced(guard))
        return true;
    /* A script with a controlling terminal somewhere is still a script: a person is there only
     * where the errors can be read. */
    if (cli.yes || !isatty(STDERR_FILENO))
        return false;
    _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (tty < 0)
        return false;
    cli_progress_clear();
    *ret_asked = true;
    dprintf(tty, "%s\nType %s to go on, anything else to leave it alone: ", question, name);
    if (!read_answer(tty, answer, sizeof(answer)))
        return false;
    return strcmp(answer, name) == 0;
}
