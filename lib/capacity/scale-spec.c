/* The schema of scale:, a workload of a cluster an entry. */
#include "hal9ops/capacity.h"

#define AT(member) offsetof(struct hal9_scale_spec, member)

static const struct hal9_field cluster_fields[] = {
    {.key = "kubeconfig",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct hal9_cluster_spec, kubeconfig),
     .doc = "path; default: KUBECONFIG, ~/.kube/config"},
    {.key = "context",
     .type = HAL9_T_STRING,
     .offset = offsetof(struct hal9_cluster_spec, context),
     .flags = HAL9_F_SCALAR,
     .doc = "context of it; default: the current one"},
    {0},
};
static const struct hal9_schema cluster_schema = {
    .name = "cluster",
    .size = sizeof(struct hal9_cluster_spec),
    .fields = cluster_fields,
    .doc = "which cluster",
};

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_KEY,
     .doc = "the workload's name"},
    {.key = "cluster",
     .type = HAL9_T_MAP,
     .offset = AT(cluster),
     .sub = &cluster_schema,
     .doc = "which cluster"},
    {.key = "namespace",
     .type = HAL9_T_STRING,
     .offset = AT(ns),
     .dflt = "default",
     .doc = "Kubernetes namespace"},
    {.key = "image",
     .type = HAL9_T_STRING,
     .offset = AT(image),
     .doc = "container image with its tag"},
    {.key = "users",
     .type = HAL9_T_INT,
     .offset = AT(users),
     .min = 0,
     .max = 1e12,
     .doc = "concurrent users to carry"},
    {.key = "replicas",
     .type = HAL9_T_INT,
     .offset = AT(replicas),
     .min = 0,
     .max = 1e6,
     .doc = "replicas in calm times"},
    {.key = "min",
     .type = HAL9_T_INT,
     .offset = AT(min),
     .min = 0,
     .max = 1e6,
     .doc = "fewest replicas"},
    {.key = "max",
     .type = HAL9_T_INT,
     .offset = AT(max),
     .min = 0,
     .max = 1e6,
     .doc = "most replicas"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_scale_spec *s = object;

    if (s->max > 0 && s->replicas > s->max)
        hal9_decoder_error(d, hal9_node_get(n, "max"), "max is %lld, but replicas is %lld",
                           (long long)s->max, (long long)s->replicas);
}

const struct hal9_schema hal9_scale_schema = {
    .name = "a scaled workload",
    .size = sizeof(struct hal9_scale_spec),
    .fields = fields,
    .finish = finish,
    .doc = "a workload of a cluster and what it must carry",
};
