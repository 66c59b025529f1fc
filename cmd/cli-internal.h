/* What the files of cli share among themselves. */
#ifndef HAL9_CMD_CLI_INTERNAL_H
#define HAL9_CMD_CLI_INTERNAL_H

#include "cli.h"

/* options.c: the common options; help and did-you-mean from the tables. */
extern const struct poptOption cli_common_options[];
void cli_help(void);
/* Prints a wrong option with the nearest right one. */
int cli_bad_option(const char *bad, const char *why);
/* settings.c: what the options mean. CLI_HOLDS or CLI_USAGE. */
int cli_settings(void);
/* signals.c */
void cli_signals(void);
/* print.c: makes sure that descriptors 0 to 2 are taken; readers are waited for as the tool's work allows; words on stderr, as
 * they are. */
void cli_stdio(void);
void cli_patience(void);
void cli_complain(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* The width of the terminal on stderr; 0 where there is none. */
int cli_error_columns(void);
/* text.c: text as a terminal takes it. */
/* Stands for a blank where a line must not be broken. */
#define CLI_GLUE "\x1f"
/* Whether the locale says that UTF-8 can be shown. */
bool cli_utf8(void);
/* Columns that a text takes, escape sequences none. */
int cli_columns(const char *text);
/* Its beginning, as much as fits into so many columns. Fresh. */
char *cli_cut(const char *text, int columns);
/* Without control characters (escapes of ours excepted), in ASCII where the locale knows no more, whole lines broken at blanks to
 * fit width columns; 0: not broken. Fresh. */
char *cli_fit(const char *text, int width);
/* signals.c: at the end of --timeout asks for a safe stop, as a signal does. */
void cli_arm_deadline(void);
/* bug-report.c: what a report needs, without secrets. */
int cli_bug_report(void);
/* observer.c */
const struct hal9_observer *cli_observer(void);
/* Ends a live line on stderr, so that words can follow. */
void cli_progress_clear(void);
/* render.c: in a pipe, who speaks, before the first words of a tool. */
void cli_own_heading(void);
/* banner.c */
void cli_banner(const char *text);
void cli_banner_due(void);

#endif
