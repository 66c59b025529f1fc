/*
 * hal9ops/capacity.h - how much of a service is needed: the configuration of a scaled workload.
 *
 * Floor 4.
 */
#ifndef HAL9OPS_CAPACITY_H
#define HAL9OPS_CAPACITY_H

#include <hal9ops/doc.h>

/* cluster: {kubeconfig, context} */
struct hal9_cluster_spec {
    char *kubeconfig;
    char *context;
};
/* One entry of scale. */
struct hal9_scale_spec {
    char *name;
    struct hal9_cluster_spec cluster;
    char *ns; /* key: namespace */
    char *image;
    int64_t users;
    int64_t replicas;
    int64_t max;
    int64_t min;
};
extern const struct hal9_schema hal9_scale_schema;

#endif
