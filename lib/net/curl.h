/* libcurl behind one table of functions, opened at the first request: local commands never pay for
 * it. -DHAL9_CURL=link (HAL9_CURL_LINK) fills the table with the linked functions instead. */
#ifndef HAL9_NET_CURL_H
#define HAL9_NET_CURL_H

/* The type checks of curl.h are macros round the plain function names; the wrappers below are typed
 * by themselves. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "hal9ops/base.h"

/* Every function of libcurl that is used, once. */
#define HAL9_CURL_FUNCTIONS(X)  \
    X(curl_global_init)         \
    X(curl_easy_init)           \
    X(curl_easy_cleanup)        \
    X(curl_easy_setopt)         \
    X(curl_easy_getinfo)        \
    X(curl_easy_strerror)       \
    X(curl_slist_append)        \
    X(curl_slist_free_all)      \
    X(curl_multi_init)          \
    X(curl_multi_cleanup)       \
    X(curl_multi_add_handle)    \
    X(curl_multi_remove_handle) \
    X(curl_multi_perform)       \
    X(curl_multi_poll)          \
    X(curl_multi_info_read)     \
    X(curl_multi_socket_action) \
    X(curl_multi_setopt)        \
    X(curl_multi_assign)        \
    X(curl_multi_strerror)

/* The name of a member is that of the function with an f: curl_easy_init is a macro's name in some
 * versions of curl.h. */
struct hal9_curl {
#define HAL9_CURL_MEMBER(name) __typeof__(&(name)) f_##name;
    HAL9_CURL_FUNCTIONS(HAL9_CURL_MEMBER)
#undef HAL9_CURL_MEMBER
};

/* Opens libcurl once for the process (any thread). HAL9_E_UNSUPPORTED with what to install. */
hal9_status hal9_curl_open(const struct hal9_curl **ret, struct hal9_error *err);

/* curl_easy_setopt() is variadic: a wrong type would be read as garbage. */
typedef size_t (*hal9_curl_write_fn)(char *data, size_t size, size_t n, void *own);
CURLcode hal9_curl_long(CURL *easy, CURLoption option, long value);
CURLcode hal9_curl_size(CURL *easy, CURLoption option, curl_off_t value);
CURLcode hal9_curl_text(CURL *easy, CURLoption option, const char *value);
CURLcode hal9_curl_pointer(CURL *easy, CURLoption option, const void *value);
CURLcode hal9_curl_list(CURL *easy, CURLoption option, struct curl_slist *value);
CURLcode hal9_curl_writer(CURL *easy, CURLoption option, hal9_curl_write_fn value);

long hal9_curl_info_long(CURL *easy, CURLINFO info);
int64_t hal9_curl_info_us(CURL *easy, CURLINFO info);
/* Borrowed from the handle; NULL when there is none. */
const char *hal9_curl_info_text(CURL *easy, CURLINFO info);
const struct curl_certinfo *hal9_curl_info_certificates(CURL *easy);

#endif
