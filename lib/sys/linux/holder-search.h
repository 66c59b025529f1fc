/* A search for the processes that hold sockets: what is sought, what was found, who was looked at. */
#ifndef HAL9_SYS_LINUX_HOLDER_SEARCH_H
#define HAL9_SYS_LINUX_HOLDER_SEARCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "sys/linux/socket-internal.h"

struct hal9_pids {
    pid_t *v;
    size_t n, cap;
};
void hal9_pids_clear(struct hal9_pids *p);

/* A listener's holder so far. */
struct hal9_first_holder {
    size_t turn; /* of the process; 0: none was found */
    size_t at;   /* in found */
};

struct hal9_search {
    const struct hal9_listeners *wanted;
    enum hal9_holders_depth depth;
    struct hal9_proc_frame frame;
    size_t *slots; /* open addressing, by inode: 1 + index of the listener, 0 free */
    size_t mask;
    bool in_cgroup;        /* now looking in the cgroups that made the sockets */
    size_t idle;           /* CPUs that long lists may be shared out to */
    size_t turns;          /* processes that had their turn, looked at or not */
    atomic_uchar *seen;    /* pids looked at, a bit each */
    atomic_size_t without; /* listeners that nobody was found for yet */
    atomic_bool refused;   /* some process' descriptors could not be read */

    pthread_mutex_t lock; /* of the rest */
    struct hal9_holders *found;
    struct hal9_first_holder *first; /* by listener */
    bool elsewhere;                  /* a holder is not in the cgroup that made its socket */
};

void hal9_search_start(struct hal9_search *s, const struct hal9_listeners *wanted,
                       enum hal9_holders_depth depth, struct hal9_holders *found);
void hal9_search_clear(struct hal9_search *s);
/* Nothing is left to be sought. */
bool hal9_search_done(const struct hal9_search *s);

/* Which processes of a list are looked at. May be called by any thread. */
struct hal9_search_filter {
    bool (*fits)(pid_t pid, const void *data);
    const void *data;
    bool rare; /* few fit */
};

/* Looks through the descriptors of these processes, but for those looked at before, until it is done; of a long list by
 * several threads. What is found is the same as if they were looked at one by one in their order. filter: NULL-able. */
void hal9_search_look(struct hal9_search *s, const struct hal9_pids *pids,
                      const struct hal9_search_filter *filter);

#endif
