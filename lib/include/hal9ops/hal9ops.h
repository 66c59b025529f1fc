/*
 * hal9ops/hal9ops.h - all of libhal9ops.
 */
#ifndef HAL9OPS_HAL9OPS_H
#define HAL9OPS_HAL9OPS_H

#include <hal9ops/balancer.h>
#include <hal9ops/base.h>
#include <hal9ops/capacity.h>
#include <hal9ops/check.h>
#include <hal9ops/config.h>
#include <hal9ops/doc.h>
#include <hal9ops/flag.h>
#include <hal9ops/health.h>
#include <hal9ops/net.h>
#include <hal9ops/notify.h>
#include <hal9ops/op.h>
#include <hal9ops/portfix.h>
#include <hal9ops/restart.h>
#include <hal9ops/rollback.h>
#include <hal9ops/store.h>
#include <hal9ops/sys.h>
#include <hal9ops/workload.h>

#endif
