/* What the files of the haproxy driver share. */
#ifndef HAL9_BALANCER_HAPROXY_H
#define HAL9_BALANCER_HAPROXY_H

#include "balancer/driver.h"
#include "net/haproxy.h"

/* srv_admin_state of `show servers state`: what an administrator has set, what the configuration or a tracked server says. */
enum ha_admin_bits {
    HA_FMAINT = 0x01,
    HA_IMAINT = 0x02,
    HA_CMAINT =
        0x04, /* `disabled` in the configuration; stays set when an administrator makes it ready */
    HA_FDRAIN = 0x08,
    HA_IDRAIN = 0x10,
    HA_RMAINT = 0x20,
    HA_HMAINT = 0x40,
};

/* One process behind one socket. */
struct ha_process {
    const char *socket;   /* borrowed */
    bool master;          /* the socket is a master's: commands want a prefix */
    struct hal9_strv old; /* a master knows of: pids of workers from before a reload */
    pid_t pid;
    int64_t start; /* seconds since the epoch; 0: it doesn't tell */
};
#define HA_WORKER "@1 " /* a master's word for the worker of now */
void ha_process_clear(struct ha_process *p);

/* A name that may stand in a command: haproxy's own set of characters. HAL9_E_USAGE else. */
hal9_status ha_name_ok(const char *what, const char *name, struct hal9_error *err);

/* haproxy-read.c: one process' answers into a view: fills an empty one (first), or adds to one and tells what differs. */
enum ha_answer { HA_INFO, HA_STATE, HA_STAT, HA_CONN };
/* lean: without the servers' sessions, and HA_CONN isn't asked. */
void ha_questions(const char *backend, bool lean, struct hal9_strv *ret);
/* Reads "show proc": whether it is a master's, and its old workers. */
void ha_read_proc(const char *answer, struct ha_process *p);
/* HAL9_E_NOT_FOUND without hint: no such backend. HAL9_E_PROTOCOL, HAL9_E_PERM. */
hal9_status ha_read(const char *balancer, struct ha_process *p, const struct hal9_strv *answers,
                    bool again, struct hal9_balancer_view *v, struct hal9_error *err);
/* Adds the sessions that `show stat` tells of, those queued included. *ret_sum, NULL-able: all of them. */
void ha_read_stat(const char *answer, struct hal9_balancer_view *v, int64_t *ret_sum);

/* haproxy-old.c: adds the sessions that workers from before a reload still hold, to each server's and to old_sessions: by their master where it is
 * one that was asked, else by the kernel, for processes of this host. */
void ha_add_old(const struct ha_process *p, size_t n, const char *backend, int cancel_fd,
                struct hal9_balancer_view *v);

/* haproxy-set.c */
hal9_status ha_set(const struct hal9_balancer_spec *b, const char *backend, const cJSON *servers,
                   const struct hal9_balancer_view *now, int cancel_fd, struct hal9_error *err);
hal9_status ha_set_and_look(const struct hal9_balancer_spec *b, const char *backend,
                            const cJSON *servers, const struct hal9_balancer_view *now,
                            int cancel_fd, struct hal9_balancer_view *ret_after,
                            struct hal9_error *err);
/* Finds out whether it is a master's socket. */
hal9_status ha_probe(struct ha_process *p, int cancel_fd, struct hal9_error *err);

#endif
