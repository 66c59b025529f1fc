/* Bytes on the wire as users write them. */
#ifndef HAL9_CHECK_TEXT_H
#define HAL9_CHECK_TEXT_H

#include "hal9ops/base.h"

/* Takes "QUIT\r\n" with its escapes \r \n \t \0 \\ \xHH apart; false and *ret_why (fresh) when one is
 * unknown. */
bool hal9_unescape(const char *text, struct hal9_buf *ret, char **ret_why);
/* What a peer said, for people: what can't be printed as \xHH, at most max bytes. Fresh. */
char *hal9_escape(const void *data, size_t length, size_t max);
/* The first line of a program's output or a peer's answer without its end, at most max bytes, what
 * can't be printed escaped. Fresh. */
char *hal9_first_line(const struct hal9_buf *b, size_t max);
/* "host:port", "[::1]:80"; false and *ret_why (fresh) when it isn't one. *ret_host is fresh. */
bool hal9_host_port(const char *text, char **ret_host, uint16_t *ret_port, char **ret_why);

#endif
