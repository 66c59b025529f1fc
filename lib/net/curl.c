/* Opens libcurl, and wraps its variadic calls in typed ones. */
#include "net/curl.h"

#include <pthread.h>

#include "base/cleanup.h"
#include "sys/library.h"

static char *open_error; /* why it could not be opened; lives as long as the process */
static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifdef HAL9_CURL_LINK

static struct hal9_curl table = {
#define LINK(name) .f_##name = &(name),
    HAL9_CURL_FUNCTIONS(LINK)
#undef LINK
};

static bool fill_table(void) {
    return true;
}

#else

#ifdef __ELF__
#define HAL9_CURL_SONAME "libcurl.so.4"
#else
#define HAL9_CURL_SONAME "libcurl.4.dylib"
#endif

HAL9_LIBRARY_NOTE("http", "HTTP checks and services", "recommended", HAL9_CURL_SONAME);

static struct hal9_curl table;
static const struct hal9_library_function functions[] = {
#define NAME(name) {#name, offsetof(struct hal9_curl, f_##name)},
    HAL9_CURL_FUNCTIONS(NAME)
#undef NAME
};

static bool fill_table(void) {
    _cleanup_free_ char *why =
        hal9_library_fill(HAL9_CURL_SONAME, functions, HAL9_ARRAY_LEN(functions), &table);

    if (why)
        open_error = hal9_strf("cannot open libcurl: %s", why);
    return !why;
}

#endif

static void open_once(void) {
    if (!fill_table())
        return;
    CURLcode code = table.f_curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        open_error = hal9_strf("cannot start libcurl: %s", table.f_curl_easy_strerror(code));
}

hal9_status hal9_curl_open(const struct hal9_curl **ret, struct hal9_error *err) {
    pthread_once(&once, open_once);
    if (open_error) {
        hal9_error_set(err, HAL9_E_UNSUPPORTED, "%s", open_error);
        hal9_error_hint(err, "install libcurl 7.85 or newer (Debian: apt-get install libcurl4)");
        return HAL9_E_UNSUPPORTED;
    }
    *ret = &table;
    return HAL9_OK;
}

CURLcode hal9_curl_long(CURL *easy, CURLoption option, long value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

CURLcode hal9_curl_size(CURL *easy, CURLoption option, curl_off_t value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

CURLcode hal9_curl_text(CURL *easy, CURLoption option, const char *value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

CURLcode hal9_curl_pointer(CURL *easy, CURLoption option, const void *value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

CURLcode hal9_curl_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

CURLcode hal9_curl_writer(CURL *easy, CURLoption option, hal9_curl_write_fn value) {
    return table.f_curl_easy_setopt(easy, option, value);
}

long hal9_curl_info_long(CURL *easy, CURLINFO info) {
    long value = 0;
    return table.f_curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

int64_t hal9_curl_info_us(CURL *easy, CURLINFO info) {
    curl_off_t value = 0;
    return table.f_curl_easy_getinfo(easy, info, &value) == CURLE_OK ? (int64_t)value : 0;
}

const char *hal9_curl_info_text(CURL *easy, CURLINFO info) {
    char *value = NULL;
    return table.f_curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : NULL;
}

const struct curl_certinfo *hal9_curl_info_certificates(CURL *easy) {
    struct curl_certinfo *value = NULL;
    return table.f_curl_easy_getinfo(easy, CURLINFO_CERTINFO, &value) == CURLE_OK ? value : NULL;
}
