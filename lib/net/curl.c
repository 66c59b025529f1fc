/* Opens libcurl, and wraps its variadic calls in typed ones. */
#include "net/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"

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

#ifdef __ELF__
/* Tells packagers' tools what is opened at run time, as ELF's DT_NEEDED can't: the FDO dlopen
 * metadata (https://systemd.io/ELF_DLOPEN_METADATA/), one note with a JSON array. */
#define DLOPEN_NOTE                                                                     \
    "[{\"feature\":\"http\",\"description\":\"HTTP checks and services\",\"priority\":" \
    "\"recommended\",\"soname\":[\"" HAL9_CURL_SONAME "\"]}]"

__attribute__((used, aligned(4), section(".note.dlopen"))) static const struct {
    uint32_t name_size, desc_size, type;
    char name[sizeof("FDO")];
    _Alignas(uint32_t) char json[sizeof(DLOPEN_NOTE)];
} dlopen_note = {sizeof("FDO"), sizeof(DLOPEN_NOTE), UINT32_C(0x407c0c0a), "FDO", DLOPEN_NOTE};
#endif

static struct hal9_curl table;
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define NAME(name) {#name, offsetof(struct hal9_curl, f_##name)},
    HAL9_CURL_FUNCTIONS(NAME)
#undef NAME
};

/* RTLD_NODELETE: libcurl's TLS library has exit handlers that must never dangle. */
static bool fill_table(void) {
    void *library = dlopen(HAL9_CURL_SONAME, RTLD_NOW | RTLD_NODELETE);
    if (!library) {
        open_error = hal9_strf("cannot open libcurl: %s", dlerror());
        return false;
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(functions); i++) {
        void *address = dlsym(library, functions[i].name);
        if (!address) {
            open_error = hal9_strf("%s has no function %s", HAL9_CURL_SONAME, functions[i].name);
            return false;
        }
        memcpy((char *)&table + functions[i].offset, &address, sizeof(address));
    }
    return true;
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
