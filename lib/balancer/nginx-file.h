/* An nginx file that has an upstream block: its servers, with their places, so that a change leaves all else as it is. */
#ifndef HAL9_BALANCER_NGINX_FILE_H
#define HAL9_BALANCER_NGINX_FILE_H

#include "hal9ops/balancer.h"

/* One server directive. nginx knows no weight 0 and no maintenance: a server that is off is marked down, and what it is to us stands in a comment
 * behind it, "# hal9ops: weight=0 admin=ready". */
struct ng_server {
    char *name; /* its address as written, "127.0.0.1:9001", "unix:/run/s1.sock" */
    int64_t weight;
    enum hal9_admin admin;
    bool changed;            /* only such a one is printed anew */
    struct hal9_strv others; /* its other parameters */
    size_t start, params,
        end; /* of the text: the directive, what follows its address, behind it and its comment */
};
struct ng_upstream {
    struct ng_server *v;
    size_t n, cap;
    struct hal9_strv known; /* names of all upstreams of the file, for messages */
    bool found;
};
/* HAL9_E_CONFIG with the line where the text can't be read, or a server stands there twice. found false: no such upstream. */
hal9_status ng_upstream_parse(const char *path, const struct hal9_buf *text, const char *name,
                              struct ng_upstream *ret, struct hal9_error *err);
void ng_upstream_clear(struct ng_upstream *u);
/* The text with the servers' weights and states as u has them by now. Fresh. */
char *ng_upstream_print(const struct ng_upstream *u, const struct hal9_buf *text);

#endif
