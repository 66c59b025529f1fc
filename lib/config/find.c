/* Where the configuration is, and whether root may trust it. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/config-internal.h"

static char *user_file(void) {
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (xdg && *xdg)
        return hal9_strf("%s/hal9ops/hal9.yaml", xdg);
    return home && *home ? hal9_strf("%s/.config/hal9ops/hal9.yaml", home) : NULL;
}

hal9_status hal9_config_find(const char *option, char **ret_path, struct hal9_error *err) {
    const char *env = getenv("HAL9OPS_CONFIG");
    char *places[] = {hal9_strdup("hal9.yaml"), user_file(), hal9_strdup("/etc/hal9ops/hal9.yaml")};
    char *found = NULL;
    struct stat st;

    if (!option && env && *env)
        option = env;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(places); i++) {
        if (!option && !found && places[i] && stat(places[i], &st) == 0)
            found = HAL9_TAKE_PTR(places[i]);
        free(places[i]);
    }
    if (option && stat(option, &st) < 0) {
        hal9_error_errno(err, errno, "configuration %s can't be read", option);
        hal9_error_hint(err, "%s", option == env ? "HAL9OPS_CONFIG names it" : "--config names it");
        return err ? err->code : HAL9_E_NOT_FOUND;
    }
    *ret_path = option ? hal9_strdup(option) : found;
    return HAL9_OK;
}
