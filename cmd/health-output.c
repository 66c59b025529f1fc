/* Documents for other programs: which form, and what the forms have in common. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "health.h"

static const struct health_form *const forms[] = {&health_nagios, &health_junit, &health_tap,
                                                  &health_prometheus};
const char *const health_outputs[] = {"nagios", "junit", "tap", "prometheus", NULL};

char *health_line(const char *text) {
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    struct hal9_buf b = {0};

    while (p < end) {
        size_t n = hal9_utf8_length(p, end);

        if (n > 1 || (n == 1 && *p >= ' ' && *p != 0x7f))
            hal9_buf_add(&b, p, n);
        else
            hal9_buf_putc(&b, n == 1 ? ' ' : '?');
        p += n > 0 ? n : 1;
    }
    return hal9_buf_take(&b);
}

char *health_check_name(const struct hal9_verdict *v, size_t index) {
    const char *name = v->jobs[index].check->name;
    size_t before = 0;

    for (size_t i = 0; i < index; i++)
        before += hal9_streq(v->jobs[i].check->name, name);
    _cleanup_free_ char *numbered = before ? hal9_strf("%s #%zu", name, before + 1) : NULL;

    return health_line(numbered ? numbered : name);
}

char *health_point_name(const struct hal9_verdict *v, size_t index, const char *separator) {
    _cleanup_free_ char *service = health_line(v->service), *name = health_check_name(v, index);

    return strcmp(service, name) == 0 ? HAL9_TAKE_PTR(name)
                                      : hal9_strf("%s%s%s", service, separator, name);
}

bool health_value(const struct hal9_check_job *j, double *ret) {
    const char *text = j->result.value;
    char *end;

    if (!text || !*text)
        return false;
    const double value = strtod(text, &end);

    if (*end || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

int health_document(const struct hal9_verdicts *v, int code) {
    const struct health_form *form = forms[0];
    _cleanup_buf_ struct hal9_buf out = {0};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(forms); i++)
        if (hal9_streq(forms[i]->name, cli.form))
            form = forms[i];
    /* Without a verdict an error tells why, unless there was nothing to probe. */
    if (v->n > 0 || !cli.trouble)
        form->write(v, code, &out);
    else if (form->write_trouble)
        form->write_trouble(cli.trouble, &out);
    if (form->exit_code)
        code = form->exit_code(v, code);
    if (out.len > 0 && (fwrite(out.data, out.len, 1, stdout) != 1 || fflush(stdout) != 0)) {
        cli_warn("cannot write to stdout: %s", strerror(errno));
        return form->exit_code ? form->exit_code(&(struct hal9_verdicts){0}, CLI_UNKNOWN)
                               : CLI_UNKNOWN;
    }
    return code;
}
