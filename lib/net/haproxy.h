/* HAProxy's Runtime API (management.txt, "Unix Socket commands"): one line of commands, and an answer for each. */
#ifndef HAL9_NET_HAPROXY_H
#define HAL9_NET_HAPROXY_H

#include "hal9ops/base.h"

/* What is wrong with the name of a socket, "unix:PATH" or "tcp:HOST:PORT": fresh, or NULL when nothing is. */
char *hal9_haproxy_wrong(const char *socket);
/* "tcp:HOST:PORT" taken apart, brackets off. False: it is a unix socket (or wrong). */
bool hal9_haproxy_tcp(const char *socket, char **ret_host, uint16_t *ret_port);
/* "unix:/run/haproxy.sock" by its canonical path: for locks. Fresh. */
char *hal9_haproxy_canonical(const char *socket);

struct hal9_haproxy_how {
    const char *prefix; /* of each command on a master's socket: "@1 ", "@!4711 "; NULL: none */
    int64_t timeout_ms; /* of the whole; 0: 5 s */
    int cancel_fd;      /* -1 none */
    bool
        parallel; /* some lines at once: commands that don't depend on each other's order, but for one server's own */
    size_t line; /* longest line to send; 0: what tune.bufsize allows by default */
};
/*
 * Asks all of it in as few connections as the line allows. One answer a command, without its closing empty line: "" is a success of what has
 * nothing to tell. Errors are answers, too: see hal9_haproxy_error(). HAL9_E_UNKNOWN: nobody there; HAL9_E_PERM; HAL9_E_TIMEOUT; HAL9_E_INTERRUPTED;
 * HAL9_E_PROTOCOL: it broke off, after how many answers; HAL9_E_IO. The message names the socket.
 */
hal9_status hal9_haproxy_ask(const char *socket, const struct hal9_strv *commands,
                             const struct hal9_haproxy_how *how, struct hal9_strv *ret,
                             struct hal9_error *err);
/* The text of an answer "[3]: No such server.", or NULL when it tells of no error. Points into the answer. A set command answers nothing else than
 * errors, with a number or (on a master's socket) without. */
const char *hal9_haproxy_error(const char *answer);

/* The answers of one connection, appended: at most max. Pieces without their closing empty line are left out. */
void hal9_haproxy_split(const char *text, size_t max, struct hal9_strv *ret);

/* A table of an answer: "# name name ..." and lines of words, by the names of its columns. sep: ' ' or ','. */
struct hal9_haproxy_table {
    char *text; /* owned; cut into words */
    struct hal9_strv names;
    char **cells; /* rows * names.n; NULL where a line is shorter */
    size_t rows, cap;
};
/* False: the answer has no line of names. Lines before it are passed over; columns after the one named last (NULL: none) are left out. */
bool hal9_haproxy_table(const char *answer, char sep, const char *last,
                        struct hal9_haproxy_table *ret);
void hal9_haproxy_table_clear(struct hal9_haproxy_table *t);
/* The number of a column, or SIZE_MAX; a cell, or NULL. Columns vary between versions: their names decide. */
size_t hal9_haproxy_column(const struct hal9_haproxy_table *t, const char *name);
const char *hal9_haproxy_cell(const struct hal9_haproxy_table *t, size_t row, size_t column);
int64_t hal9_haproxy_number(const struct hal9_haproxy_table *t, size_t row, size_t column,
                            int64_t dflt);
/* The value of a line "Pid: 4711", or NULL; fresh. */
char *hal9_haproxy_field(const char *answer, const char *name);

#endif
