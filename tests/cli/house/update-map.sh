#!/bin/sh
# update-map.sh LIB [OUT]: writes LIB/libhal9ops.map (or OUT) from the HAL9_API functions of LIB/include/hal9ops/*.h.
set -eu
lib=$1
out=${2:-$lib/libhal9ops.map}
here=$(dirname "$0")
{
    cat <<'HEAD'
/* What libhal9ops.so exports: every HAL9_API function of lib/include/hal9ops/, by header.
 * Written by `ninja -C build update-map`; tests/cli/symbols.bats compares it with the headers and the library. */
HAL9OPS_0 {
global:
HEAD
    LC_ALL=C awk -f "$here/api.awk" "$lib"/include/hal9ops/*.h | LC_ALL=C sort -u |
        awk '$1 != header { header = $1; print "    /* " header " */" } { print "    " $2 ";" }'
    echo 'local:'
    echo '    *;'
    echo '};'
} >"$out.new"
mv "$out.new" "$out"
