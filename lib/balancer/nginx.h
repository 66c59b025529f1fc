/* nginx' processes and its commands. */
#ifndef HAL9_BALANCER_NGINX_H
#define HAL9_BALANCER_NGINX_H

#include "hal9ops/balancer.h"
#include "hal9ops/sys.h"

/* The note beside the file that a reload is still to come. Fresh. */
char *ng_note_path(const char *file);

/* Its master process, by the pid file; pid 0: not known. */
struct ng_master {
    struct hal9_proc_id id;
    uint64_t newest; /* start time of its newest worker */
};
void ng_master_look(const struct hal9_balancer_spec *b, struct ng_master *ret);
/* sessions: connections to each server that nginx' workers have, where the kernel tells; old_sessions: those of workers that are ending. */
void ng_count_sessions(const struct hal9_balancer_spec *b, struct hal9_balancer_view *v);

/* nginx' own test of its configuration. HAL9_E_FAILED with what it says. */
hal9_status ng_test(const struct hal9_balancer_spec *b, int cancel_fd, struct hal9_error *err);
/* Reloads, and waits for the first worker that was started since, where the master is known: until then nothing has changed for visitors. */
hal9_status ng_reload(const struct hal9_balancer_spec *b, const struct ng_master *before,
                      int cancel_fd, struct hal9_error *err);

#endif
