/*
 * cli.h - what all five commands share: common options, output choice, tone, questions, exit codes.
 *
 *     int main(int argc, char **argv) {
 *         int code;
 *         if (!cli_start(&command, argc, argv, &code))     // --help, --version, a wrong option:
 * all told return code; return cli_finish(run());
 *     }
 *
 * One command runs in a process, so its options live in one global, cli.
 */
#ifndef HAL9_CMD_CLI_H
#define HAL9_CMD_CLI_H

#include <popt.h>
#include <signal.h>

#include "hal9ops/hal9ops.h"

/* Exit codes of all tools. */
enum cli_exit {
    CLI_HOLDS = 0,      /* the desired state holds */
    CLI_NOT = 1,        /* it does not */
    CLI_USAGE = 2,      /* usage or configuration error; nothing touched */
    CLI_UNFINISHED = 3, /* an operation did not reach its end */
    CLI_UNKNOWN = 4,    /* could not be determined */
    CLI_BUSY = 5,       /* somebody else holds the lock */
    CLI_SIGNAL = 128,   /* + signal */
};

struct cli_example {
    const char *command;
    const char *does;
};
struct cli_subcommand {
    const char *name;
    const char *operands; /* "[ID]" */
    const char *summary;
    int (*run)(
        void); /* returns the exit code; NULL: the command tells its subcommands apart itself */
    bool
        changes; /* it may change something, unless -n is given: the state directory is opened for writing */
};
/* What a command is: its option table and its help come from here. */
struct cli_command {
    const char *name;                         /* "hal9-portfix" */
    const char *operands;                     /* "[PORT|RANGE|SERVICE|-]..." */
    const char *summary;                      /* one line */
    const struct poptOption *options;         /* its own, ends with POPT_TABLEEND */
    const struct cli_subcommand *subcommands; /* ends with a NULL name; NULL: none */
    const struct cli_example *examples;       /* two, ends with a NULL command */
    const char *const *outputs; /* further words for --output; NULL-terminated, or NULL */
};

enum cli_tone { CLI_PLAIN, CLI_3AM, CLI_SALTY };

struct cli {
    const struct cli_command *command;
    const char *const *argv;
    /* options, as told */
    char *config_option, *output_option, *state_option, *tone_option, *color_option,
        *timeout_option, *lock_timeout_option, *schema_option;
    char **force_option;
    int dry_run, yes, quiet, verbose, no_notify, check_config, bug_report;
    /* what they mean */
    struct hal9_strv operands;
    struct hal9_strv force;
    bool from_stdin; /* an operand was - */
    bool text;       /* words instead of records on stdout */
    bool json_told;  /* -o json was given */
    /* One of the command's own outputs, which is written at the end and all that stdout carries; NULL: words or records. */
    const char *form;
    bool colour;
    bool terminal;  /* stdout is one */
    unsigned width; /* of the terminal; 80 where there is none */
    enum cli_tone tone;
    bool night;          /* banner and numbered list */
    int64_t timeout_ms;  /* --timeout; -1: not told */
    int64_t deadline_ms; /* monotonic; -1: none */
    int64_t lock_timeout_ms;
    /* opened on demand */
    struct hal9_config *config;
    struct hal9_state *state;
    struct hal9_stream *out;
    struct hal9_cancel cancel;
    volatile sig_atomic_t acting; /* see cli_acts() */
    struct hal9_strv next;        /* what to do next, in order */
    char *headline;               /* big letters for the banner */
    bool headline_shown;
    bool clock;    /* verdicts begin with the time of day: a watch's */
    char *trouble; /* the first error that was told, or NULL */
};
extern struct cli cli;

/* Reads the options. false: all is said, exit with *ret_code. */
bool cli_start(const struct cli_command *command, int argc, char **argv, int *ret_code);
/* Says what to do next, closes everything; returns the exit code for main. */
int cli_finish(int code);

/* Loads the configuration into cli.config, tells all its errors. CLI_HOLDS or CLI_USAGE. */
int cli_load_config(void);
/* Opens the state directory into cli.state. With READ, none that can be used is no error: cli.state
 * stays NULL. */
int cli_open_state(enum hal9_state_mode mode);
/* From here on the tool may change things: no reader of its output is waited for for long. A tool that only tells waits for as
 * long as its reader likes, or until a signal comes. */
void cli_acts(void);
/* A descriptor that gets readable when SIGHUP asks for the configuration to be read again; -1 where a terminal may have sent it, whose
 * end it tells then. */
int cli_reload_fd(void);
/* The executor's surroundings for this tool: options, state, observer, signals. */
void cli_op_env(struct hal9_op_env *ret);
/* Reads the records on stdin to their end (see hal9_upstream_read); tells what is wrong. */
int cli_read_upstream(cJSON *planned, struct hal9_upstream *ret);
/* Whether a verdict of the pipe may be acted on here: this machine's, not too old (--max-age).
 * Tells why not. */
bool cli_verdict_counts(const struct hal9_verdict_in *v, int64_t max_age_ms);
/* Mentions unfinished operations on stderr (or as a problem record in a pipe). */
void cli_mention_unfinished(void);

/* The end of an operation's id that people are shown, and may type: 4 characters, or as many as it takes to mean this one alone. Borrowed from id. */
const char *cli_short(const char *id);
/* These are listed from here on: each by the same number of characters. */
void cli_short_ids(const struct hal9_strv *ids);

/* For a run that has nothing to do: ends what killed runs left unfinished on these things (canonical names), where nothing is left to change. */
void cli_tidy(const struct hal9_strv *names);

/* Tells an error on stderr, and as a problem record where records go; returns the exit code that
 * fits. */
int cli_error(const struct hal9_error *err);
int cli_errors(const struct hal9_errors *errors);
int cli_exit_code(const struct hal9_error *err);
/* "usage: ..." and what is wrong; CLI_USAGE. */
int cli_usage(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* Words on stdout in text mode; nothing otherwise. */
void cli_say(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* The same, and also where it is quiet; nothing is said to a reader who has gone, or who stalls while an operation is open. */
void cli_print(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* A warning on stderr. */
void cli_warn(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* A line on the terminal that says what it waits for, until the next words; nothing where stderr isn't one. */
void cli_progress(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* Adds a next step; said at the end: one as "Next: ...", at 3am all as a numbered list. */
void cli_next(const char *fmt, ...) HAL9_PRINTF(1, 2);
/* Says the next steps now, and forgets them and the big letters: for a tool that goes on. cli_finish() does it in the end. */
void cli_say_next(void);
/* The big letters at 3am: "PORT 8080 IS TAKEN". The first one counts; shown before the next words.
 */
void cli_headline(const char *fmt, ...) HAL9_PRINTF(1, 2);

/* Asks on /dev/tty for a name to be typed. True when it was. Without a terminal: only with --yes
 * and --force=guard. *ret_asked tells whether a person was there to be asked. */
bool cli_confirm(const char *guard, const char *question, const char *name, bool *ret_asked);
bool cli_forced(const char *guard);

/* Words for a record, as people read them (cmd/render.c). */
void cli_render(const cJSON *record, bool own);
/* Bold, red, green, yellow, off: the escape, or "" without colour. */
const char *cli_style(const char *name);

#endif
