/* The library's version, told by the build. */
#include "hal9ops/base.h"

const char *hal9_version(void) {
    return HAL9_VERSION;
}
