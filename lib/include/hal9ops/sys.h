/*
 * hal9ops/sys.h - the host: processes, sockets and who holds them, spawning, files, facts.
 *
 * Floor 1. Everything that differs between Linux and macOS is behind this header (sys/linux/, sys/darwin/).
 *
 *     struct hal9_ports ports = {0};
 *     hal9_ports_add(&ports, 8080, 8080);
 *     struct hal9_listeners ls = {0};
 *     hal9_sock_listeners(&ports, HAL9_TCP, &ls, &err);          // one kernel dump for all ports
 *     struct hal9_holders hs = {0};
 *     hal9_sock_holders(&ls, HAL9_HOLDERS_ALL, NULL, &hs, &err);  // who has them
 */
#ifndef HAL9OPS_SYS_H
#define HAL9OPS_SYS_H

#include <hal9ops/base.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- processes ------------------------------------------------------------------------------- */

/* One process, never mistaken for a later one with the same pid. */
struct hal9_proc_id {
    pid_t pid;
    uint64_t start;   /* start time in clock ticks since boot, as the kernel tells it */
    uint64_t pidns;   /* inode of the pid namespace that pid counts in; 0 not known */
    char boot_id[40]; /* the boot that start counts in; "" not known */
};

enum hal9_proc_want {
    HAL9_PROC_STAT = 0,      /* id, ppid, state, comm, started_ms: always */
    HAL9_PROC_USER = 1 << 0, /* uid, gid */
    HAL9_PROC_EXE = 1 << 1,  /* exe, exe_dev, exe_ino, exe_deleted */
    HAL9_PROC_ARGV = 1 << 2,
    HAL9_PROC_CWD = 1 << 3,
    HAL9_PROC_CGROUP = 1 << 4, /* cgroup, unit, container */
    HAL9_PROC_ALL = 0x1f,
};

/* What the kernel says of a process. Fields that this user may not see stay NULL or 0; that is no error. */
struct hal9_proc {
    struct hal9_proc_id id;
    pid_t ppid;
    char state;  /* R S D T ... */
    bool kernel; /* a kernel thread */
    uid_t uid;   /* effective; (uid_t)-1 not known */
    gid_t gid;
    int64_t started_ms; /* wall clock */
    char *comm;
    char *exe; /* without " (deleted)" */
    dev_t exe_dev;
    ino_t exe_ino;
    bool exe_deleted; /* replaced on disk while it ran */
    struct hal9_strv argv;
    char *cwd;
    char *cgroup;    /* cgroup v2 path, "/system.slice/layer9.service" */
    char *unit;      /* innermost .service of that path, "layer9.service", or NULL */
    char *container; /* container id of that path, or NULL */
};

/* Reads one process. HAL9_E_NOT_FOUND when it is gone; a zombie is. HAL9_E_PERM when the system hides it. Free with
 * hal9_proc_clear(). */
HAL9_API hal9_status hal9_proc_read(pid_t pid, unsigned want, struct hal9_proc *ret,
                                    struct hal9_error *err);
HAL9_API void hal9_proc_clear(struct hal9_proc *p);
/* A deep copy. *to is overwritten, not freed before. */
HAL9_API void hal9_proc_copy(struct hal9_proc *to, const struct hal9_proc *from);
/* The name people know it by: the script's name for interpreters (python3 app.py -> app.py), else exe's basename, else comm. Fresh. */
HAL9_API char *hal9_proc_name(const struct hal9_proc *p);
/* Calls fn for each process; a non-zero return ends the walk. Processes that vanish meanwhile are passed over. */
HAL9_API hal9_status hal9_proc_each(unsigned want, int (*fn)(const struct hal9_proc *p, void *data),
                                    void *data, struct hal9_error *err);

enum hal9_alive {
    HAL9_GONE, /* no such process, a zombie, or another one has its pid now */
    HAL9_ALIVE,
    HAL9_HIDDEN, /* another boot or pid namespace, or the system doesn't let us see */
};
/* start == 0 in id means any start time. */
HAL9_API enum hal9_alive hal9_proc_alive(const struct hal9_proc_id *id);
/* Whether it is on its way out: it runs no program any more and is not gone yet. */
HAL9_API bool hal9_proc_ending(const struct hal9_proc_id *id);
HAL9_API bool hal9_proc_id_equal(const struct hal9_proc_id *a, const struct hal9_proc_id *b);

/* A descriptor that gets readable when the process ends (pidfd; on macOS a kqueue), verified against id after it
 * was opened. HAL9_E_NOT_FOUND when it is gone. The caller closes it. */
HAL9_API hal9_status hal9_proc_open(const struct hal9_proc_id *id, int *ret_fd,
                                    struct hal9_error *err);
/* Sends a signal through such a descriptor. HAL9_E_NOT_FOUND when it has ended. */
HAL9_API hal9_status hal9_proc_signal(int fd, const struct hal9_proc_id *id, int sig,
                                      struct hal9_error *err);

/* Whether a process may never be killed: PID 1, kernel thread, this process, its ancestors, a container runtime
 * (containerd-shim, conmon, dockerd, podman...), sshd. Returns the reason (static) or NULL. */
HAL9_API const char *hal9_proc_untouchable(const struct hal9_proc *p);
/* Whether pid is a descendant of ancestor now. */
HAL9_API bool hal9_proc_descends(pid_t pid, pid_t ancestor);

/* All that is needed to start a process again as it was. Values of the environment are secrets. */
struct hal9_proc_capture {
    char *exe;
    struct hal9_strv argv;
    struct hal9_strv env;
    char *cwd;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    mode_t umask;
    struct rlimit limits[16]; /* by RLIMIT_*; n_limits valid */
    size_t n_limits;
    /* what its stdout and stderr are, when they are regular files or /dev/null; else NULL */
    char *stdout_path;
    char *stderr_path;
    /* it shows a title in place of its arguments (nginx: master process ...): argv is that title, and it can't be
     * started again as it was */
    bool shows_title;
};
/* Reads all of that of a living process, while it is still the one that id names. */
HAL9_API hal9_status hal9_proc_capture(const struct hal9_proc_id *id, struct hal9_proc_capture *ret,
                                       struct hal9_error *err);
HAL9_API void hal9_proc_capture_clear(struct hal9_proc_capture *c);
/* What else the system tells of it, as text for people: status, limits, what it waits in, how many descriptors of which sort. Appended; what this user may not
 * see is told. No secret: neither arguments nor environment. */
HAL9_API hal9_status hal9_proc_facts(const struct hal9_proc_id *id, struct hal9_buf *ret,
                                     struct hal9_error *err);

/* Who a process must be to be taken for a service. An empty identity matches nothing. All that is set must match. */
struct hal9_identity {
    /* path; "replaced on disk or not" matches; a symlink in it stands for any target beside it, see exe_any */
    char *exe;
    char *exe_any; /* releases folder: any exe with the same basename below it, or NULL */
    char *unit;
    char *user;
    char *cmdline; /* substring of the arguments joined by blanks */
    char *container;
};
/* CANT_TELL: what it takes is hidden from this user */
enum hal9_match { HAL9_NO_MATCH, HAL9_MATCH, HAL9_CANT_TELL };
/* Whether a process is the one; whether nothing is asked for at all. */
HAL9_API enum hal9_match hal9_identity_match(const struct hal9_identity *want,
                                             const struct hal9_proc *p);
HAL9_API bool hal9_identity_empty(const struct hal9_identity *want);
/* Frees and zeroes. Copying replaces what to holds. */
HAL9_API void hal9_identity_clear(struct hal9_identity *i);
HAL9_API void hal9_identity_copy(struct hal9_identity *to, const struct hal9_identity *from);
/* Whether `word` names the process: exe path, basename of exe or script, comm, or unit. */
HAL9_API bool hal9_proc_named(const struct hal9_proc *p, const char *word);

/* ---- sockets --------------------------------------------------------------------------------- */

enum hal9_proto { HAL9_TCP = 1, HAL9_UDP = 2 };

struct hal9_port_range {
    uint16_t first, last;
};
/* A set of ports. Zero-initialise; empty means all. */
struct hal9_ports {
    struct hal9_port_range *v;
    size_t n, cap;
};
/* Adds first to last, both included; whether a port is in the set. */
HAL9_API void hal9_ports_add(struct hal9_ports *p, uint16_t first, uint16_t last);
HAL9_API bool hal9_ports_has(const struct hal9_ports *p, uint16_t port);
/* "8080", "8000-8010", "8080/udp" -> adds to tcp or udp (neither told: tcp). HAL9_E_USAGE with what is wrong. */
HAL9_API hal9_status hal9_ports_parse(const char *text, struct hal9_ports *tcp,
                                      struct hal9_ports *udp, struct hal9_error *err);
HAL9_API void hal9_ports_clear(struct hal9_ports *p);

struct hal9_addr {
    int family; /* AF_INET, AF_INET6 */
    uint8_t bytes[16];
};
HAL9_API bool hal9_addr_any(const struct hal9_addr *a);    /* 0.0.0.0 or :: */
HAL9_API bool hal9_addr_mapped(const struct hal9_addr *a); /* ::ffff:a.b.c.d */
/* "127.0.0.1:8080", "[::]:8080", "*:8080" for family AF_UNSPEC. */
HAL9_API void hal9_addr_text(const struct hal9_addr *a, uint16_t port, char ret[64]);

/* A listening TCP socket or a bound, unconnected UDP one. */
struct hal9_listener {
    enum hal9_proto proto;
    struct hal9_addr addr;
    uint16_t port;
    bool v6only; /* for ::, whether IPv4 is left out */
    uint64_t inode;
    uint64_t cookie;    /* the kernel's identity of the socket; 0 not known */
    uint64_t cgroup_id; /* cgroup that made it; 0 not known */
    uid_t uid;
    unsigned ifindex;
};
/* As hal9_addr_text(), but "*:8080" for a dual-stack wildcard (:: without v6only). */
HAL9_API void hal9_listener_text(const struct hal9_listener *l, char ret[64]);
struct hal9_listeners {
    struct hal9_listener *v;
    size_t n, cap;
};
/* All listeners on ports (empty set: all) of protos (HAL9_TCP | HAL9_UDP) in this network namespace: one kernel dump
 * per family and protocol, /proc/net where sock_diag is missing. Appends to *ret, by port, protocol, address.
 * For TCP only state LISTEN: never a client. */
HAL9_API hal9_status hal9_sock_listeners(const struct hal9_ports *ports, unsigned protos,
                                         struct hal9_listeners *ret, struct hal9_error *err);
/* The fastest answer for one port: exact requests for the wildcard and loopback addresses, and the dump only where they find nothing. What it finds
 * first is appended, at most one listener; others may listen on other addresses of the port. */
HAL9_API hal9_status hal9_sock_first_listener(enum hal9_proto proto, uint16_t port,
                                              struct hal9_listeners *ret, struct hal9_error *err);
HAL9_API void hal9_listeners_clear(struct hal9_listeners *l);

enum hal9_holders_depth {
    /* the first process found for each listener, as fast as the kernel allows */
    HAL9_HOLDERS_FIRST,
    HAL9_HOLDERS_ALL, /* every process that has the socket among its descriptors */
};
struct hal9_holder {
    size_t listener;       /* index into the listeners */
    struct hal9_proc proc; /* HAL9_PROC_ALL */
    int fd;                /* its descriptor of the socket */
};
struct hal9_holders {
    struct hal9_holder *v;
    size_t n, cap;
    /* some processes' descriptors could not be read, and a listener has no holder: it may be theirs */
    bool hidden;
    bool maybe_shared; /* FIRST only: a forked listener could have more holders */
};
/* names_first: programs that probably have them, the last one NULL; NULL-able. Order of the search for the first: the socket's cgroup (names first; a
 * large one after the names elsewhere), processes of its uid, the rest; in each by pid. Long lists are shared out to threads, which have ended
 * when it returns. Each holder is appended, by listener, then start time. */
HAL9_API hal9_status hal9_sock_holders(const struct hal9_listeners *l,
                                       enum hal9_holders_depth depth,
                                       const char *const *names_first, struct hal9_holders *ret,
                                       struct hal9_error *err);
HAL9_API void hal9_holders_clear(struct hal9_holders *h);
/* Whether the process has the socket with this inode among its descriptors now. HAL9_E_PERM when hidden. */
HAL9_API hal9_status hal9_sock_held_by(pid_t pid, uint64_t inode, bool *ret,
                                       struct hal9_error *err);

enum hal9_bindable {
    HAL9_BIND_OK,
    HAL9_BIND_LISTENER,  /* somebody listens there */
    HAL9_BIND_TIME_WAIT, /* nobody listens; only closed connections are left, SO_REUSEADDR binds */
    HAL9_BIND_DENIED,    /* this user may not bind it (below 1024) */
    /* nobody listens, but sockets that don't share the port block it, SO_REUSEADDR or not: connections
     * (closed ones for a minute) of a server that didn't set it, or a bound socket that doesn't listen yet */
    HAL9_BIND_BLOCKED,
};
/* Proves that a service could bind the port on all addresses, as servers do (SO_REUSEADDR, dual stack), and lets go of it. */
HAL9_API hal9_status hal9_sock_can_bind(enum hal9_proto proto, uint16_t port,
                                        enum hal9_bindable *ret, struct hal9_error *err);
/* Inode of this process' network namespace, 0 where there is no such thing. */
HAL9_API uint64_t hal9_sock_netns(void);
/* Established connections whose local port is this, IPv4 and IPv6. */
HAL9_API hal9_status hal9_sock_connections(uint16_t port, size_t *ret, struct hal9_error *err);

/* ---- connections ----------------------------------------------------------------------------- */

enum hal9_tcp_state { /* as the kernel numbers them */
                      HAL9_TCP_ESTABLISHED = 1,
                      HAL9_TCP_SYN_SENT,
                      HAL9_TCP_SYN_RECV,
                      HAL9_TCP_FIN_WAIT1,
                      HAL9_TCP_FIN_WAIT2,
                      HAL9_TCP_TIME_WAIT,
                      HAL9_TCP_CLOSE,
                      HAL9_TCP_CLOSE_WAIT,
                      HAL9_TCP_LAST_ACK,
                      HAL9_TCP_LISTEN,
                      HAL9_TCP_CLOSING,
                      HAL9_TCP_STATES, /* how many, from 1 */
};
HAL9_API const char *hal9_tcp_state_name(enum hal9_tcp_state s); /* "established", "time-wait" */
struct hal9_connection {
    enum hal9_tcp_state state;
    struct hal9_addr local, peer;
    uint16_t local_port, peer_port;
    uint64_t inode; /* 0: no process has it any more */
};
/* Which connections. All that is set must match; IPv4 and IPv6 alike, and v4-mapped addresses are their IPv4 ones. */
struct hal9_connections_want {
    unsigned states;                /* mask of 1 << enum hal9_tcp_state; 0: all but LISTEN */
    uint16_t local_port, peer_port; /* 0: any */
    const struct hal9_addr *peer;   /* NULL: any */
};
/* Calls fn for each TCP connection of this network namespace; the kernel filters states and ports (/proc/net/tcp where it has no sock_diag). */
HAL9_API hal9_status hal9_connections_each(const struct hal9_connections_want *want,
                                           void (*fn)(const struct hal9_connection *c, void *data),
                                           void *data, struct hal9_error *err);
struct hal9_connection_counts {
    size_t total;
    size_t by_state[HAL9_TCP_STATES];
};
/* How many there are. */
HAL9_API hal9_status hal9_connections_count(const struct hal9_connections_want *want,
                                            struct hal9_connection_counts *ret,
                                            struct hal9_error *err);
/* How many of them these processes have among their descriptors. Processes that end meanwhile have none; HAL9_E_PERM: one's can't be read. */
HAL9_API hal9_status hal9_connections_held(const struct hal9_connections_want *want,
                                           const pid_t *pids, size_t n_pids, size_t *ret,
                                           struct hal9_error *err);
/* Whether the address is one of this host: loopback, or of one of its interfaces. */
HAL9_API bool hal9_addr_of_host(const struct hal9_addr *a);
/* "127.0.0.1", "::1": numbers only. False: it is none. */
HAL9_API bool hal9_addr_of_text(const char *text, struct hal9_addr *ret);

/* ---- spawning -------------------------------------------------------------------------------- */

/* How to start a process. All other descriptors are closed, signals reset, umask as told. */
struct hal9_spawn {
    const char *const *argv; /* argv[0] is looked up in PATH of envp when it has no slash */
    const char *exe;         /* what to execute when argv[0] isn't it; NULL: argv[0] */
    const char *const *envp; /* NULL: this process' own */
    const char *cwd;         /* NULL: stays */
    bool set_user;           /* groups -> gid -> uid */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
    int stdio[3];     /* descriptors to become 0, 1, 2; -1: /dev/null */
    bool new_session; /* setsid */
    bool gated;       /* wait for hal9_child_release() before execve */
    bool set_umask;
    mode_t umask;
    const struct rlimit *limits; /* by RLIMIT_* number, n_limits of them */
    size_t n_limits;
};
struct hal9_child {
    struct hal9_proc_id id;
    int fd;        /* as hal9_proc_open() */
    int gate_fd;   /* gated only: closing it without release makes the child exit before execve */
    int error_fd;  /* how execve fared */
    char *program; /* gated only: what waits to be run, for messages */
    bool ended;    /* hal9_child_wait() has seen the end; a second call gives the same exit code */
    int exit;
};
#define HAL9_CHILD_INIT \
    { .fd = -1, .gate_fd = -1, .error_fd = -1 }
/* Starts it. Not gated: returns after execve succeeded, an execve failure is this call's error (HAL9_E_NOT_FOUND...). Gated: returns when
 * the child stands at the gate, all but the execve done; if this process dies, the child exits there. A process-wide SIG_IGN of SIGCHLD is
 * set back to SIG_DFL: no exit code could be had with it. */
HAL9_API hal9_status hal9_spawn(const struct hal9_spawn *s, struct hal9_child *ret,
                                struct hal9_error *err);
/* Opens the gate and waits until execve succeeded or failed. */
HAL9_API hal9_status hal9_child_release(struct hal9_child *c, struct hal9_error *err);
/* Waits for the end: exit code, or 128 + signal. deadline_ms is monotonic, < 0 for ever; cancel_fd (-1 none) readable ends
 * the wait with HAL9_E_INTERRUPTED; HAL9_E_TIMEOUT leaves it running. */
HAL9_API hal9_status hal9_child_wait(struct hal9_child *c, int64_t deadline_ms, int cancel_fd,
                                     int *ret_exit, struct hal9_error *err);
/* Closes the descriptors; the process goes on, unless it still waits at the gate: then it exits. */
HAL9_API void hal9_child_clear(struct hal9_child *c);
/* Calls fn(arg, fd) in a child of its own session and ends it; what fn writes to fd is read from *ret_fd. For calls that may hang in the
 * kernel: the parent goes on, and kills the child. Descriptors 0 to 2 are /dev/null there, all others but fd closed. */
HAL9_API hal9_status hal9_spawn_call(void (*fn)(const void *arg, int fd), const void *arg,
                                     struct hal9_child *ret, int *ret_fd, struct hal9_error *err);
struct hal9_run_result {
    int exit; /* or 128 + signal */
    struct hal9_buf out, err;
};
/* Runs a program to its end and gives back its output, each stream capped at max bytes (what is over is read and dropped).
 * On timeout the process group is killed and HAL9_E_TIMEOUT returned. */
HAL9_API hal9_status hal9_run(const struct hal9_spawn *s, int64_t timeout_ms, int cancel_fd,
                              size_t max, struct hal9_run_result *ret, struct hal9_error *err);
HAL9_API void hal9_run_result_clear(struct hal9_run_result *r);

/* Where a detached service can live, so that the end of a session or a cron job does not take it along. */
enum hal9_detach { HAL9_DETACH_NONE, HAL9_DETACH_CGROUP, HAL9_DETACH_SCOPE };
/* What can be had here for this user; *ret_why (fresh) says why not more. */
HAL9_API enum hal9_detach hal9_detach_available(char **ret_why);
/* Moves a gated child to a transient systemd scope hal9-NAME.scope (joining it where it lives on), or to the cgroup
 * hal9ops/NAME; what names of units don't allow is escaped. When that fails it stays where it is. */
HAL9_API hal9_status hal9_detach_move(enum hal9_detach how, const char *name, pid_t pid,
                                      struct hal9_error *err);
/* The processes in that place now: appends pids, none where there is no such place. *ret is the caller's to free. */
HAL9_API hal9_status hal9_detach_pids(const char *name, pid_t **ret, size_t *ret_n,
                                      struct hal9_error *err);

/* ---- waiting --------------------------------------------------------------------------------- */

/* Waits until fd is readable (fd < 0: just the time, HAL9_OK when it has come). HAL9_E_TIMEOUT, HAL9_E_INTERRUPTED (cancel_fd readable). Deadline monotonic, < 0 none. */
HAL9_API hal9_status hal9_wait_fd(int fd, int64_t deadline_ms, int cancel_fd,
                                  struct hal9_error *err);

/* ---- files ----------------------------------------------------------------------------------- */

/* Reads a whole file, at most max bytes (HAL9_E_LIMIT when larger). */
HAL9_API hal9_status hal9_file_read(const char *path, size_t max, struct hal9_buf *ret,
                                    struct hal9_error *err);
/* The last n lines (at most max bytes) of a file from offset on. */
HAL9_API hal9_status hal9_file_tail(const char *path, uint64_t offset, size_t lines, size_t max,
                                    struct hal9_buf *ret, struct hal9_error *err);
/* Temporary file beside it, fsync, rename, fsync of the directory: the old or the new content, never half. */
HAL9_API hal9_status hal9_file_write(const char *path, const void *data, size_t len, mode_t mode,
                                     struct hal9_error *err);
HAL9_API hal9_status hal9_fd_write_all(int fd, const void *data, size_t len,
                                       struct hal9_error *err);
/* mkdir -p; only the folders that it makes get the mode (exactly, whatever the umask). */
HAL9_API hal9_status hal9_dir_make(const char *path, mode_t mode, struct hal9_error *err);
HAL9_API hal9_status hal9_dir_sync(const char *path, struct hal9_error *err);
/* Real path as far as it exists; fresh. */
HAL9_API char *hal9_path_canonical(const char *path);
HAL9_API char *hal9_path_join(const char *dir, const char *name);

/* ---- the host and the user ---------------------------------------------------------------------- */

HAL9_API const char *hal9_host_name(void); /* cached; HAL9OPS_HOST overrides, for tests */
/* cached; "" where there is none; HAL9OPS_MACHINE overrides, for tests */
HAL9_API const char *hal9_host_machine_id(void);
HAL9_API const char *hal9_host_boot_id(void); /* changes with each boot; cached */

struct hal9_memory {
    uint64_t total, available, swap_total, swap_free;
}; /* bytes */
/* Memory; the load averages of 1, 5 and 15 minutes and the number of CPUs. */
HAL9_API hal9_status hal9_host_memory(struct hal9_memory *ret, struct hal9_error *err);
HAL9_API hal9_status hal9_host_load(double ret[3], unsigned *ret_cpus, struct hal9_error *err);
/* CPUs that have nothing to do now and that this thread may run on. */
HAL9_API size_t hal9_host_idle_cpus(void);
/* Pressure stall: percent of the time some task waited; what: "cpu", "memory", "io"; avg10, avg60, avg300. HAL9_E_UNSUPPORTED without PSI. */
HAL9_API hal9_status hal9_host_pressure(const char *what, double ret_some[3],
                                        struct hal9_error *err);
HAL9_API hal9_status hal9_host_open_files(uint64_t *ret_open, uint64_t *ret_max,
                                          struct hal9_error *err);
/* available, inodes_free: to users other than root, as df tells; inodes 0: the file system has no limit */
struct hal9_disk {
    uint64_t total, available, inodes, inodes_free;
    bool read_only;
    bool mounted; /* the path itself is where something is mounted */
    bool wanted;  /* fstab(5) says that something should be */
};
/* May hang with the mount: call it from a child (see check/disk.c). */
HAL9_API hal9_status hal9_host_disk(const char *path, struct hal9_disk *ret,
                                    struct hal9_error *err);

struct hal9_user {
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    char *name;
    char *home;
};
/* Finds a user by name or number; hal9_user_clear() frees what *ret holds. */
HAL9_API hal9_status hal9_user_lookup(const char *name, struct hal9_user *ret,
                                      struct hal9_error *err);
HAL9_API void hal9_user_clear(struct hal9_user *u);
HAL9_API char *hal9_user_name(uid_t uid); /* the number in text where there is no name; fresh */

#endif
