# faults.awk: what changes the world passes lib/sys/fault.h, so that tests can make it fail, as FILE:LINE: why. Comments and strings don't
# count. Opens that make no file, kill(pid, 0) and what only a test build has (fault.*, journal-hooks.c) are free; wrappers say hal9_fault themselves.
function complain(why) {
    print FILENAME ":" FNR ": " why
}
FNR == 1 { in_comment = 0 }
{
    code = $0
    gsub(/\\./, "", code)
    gsub(/"[^"]*"/, "\"\"", code)
    if (in_comment && !sub(/^.*\*\//, "", code))
        next
    in_comment = 0
    gsub(/\/\*[^*]*\*+([^\/*][^*]*\*+)*\//, "", code)
    sub(/\/\/.*/, "", code)
    in_comment = sub(/\/\*.*/, "", code)
}
FILENAME !~ /^lib\/(op|store|workload|sys|notify|flag|balancer|check)\// || FILENAME ~ /\/(fault\.[ch]|journal-hooks\.c)$/ { next }
code ~ /hal9_fault\(/ { next }
# A function of a room's own may have such a name: its definition and a call through a member are none.
{ gsub(/(static|const) [a-z_0-9 *]*(write|rename|link|kill)\(/, "", code) }
code ~ /(^|[^A-Za-z_0-9>.])(pwritev?|writev|fsync|fdatasync|rename|renameat2?|unlink|unlinkat|link|linkat|symlink|symlinkat|mkdirat|mkdir|rmdir|remove|chmod|fchmod|fchmodat|chown|fchown|lchown|fchownat|ftruncate|truncate|fallocate|utimensat|futimens|f?l?setxattr|mkstemp|mkostemp|mkfifo|mknod|copy_file_range|sendfile|killpg|fork)\(/ {
    complain("what changes the world goes through a hal9_sys_ wrapper")
}
code ~ /(^|[^A-Za-z_0-9>.])kill\(/ && code !~ /kill\([^,]*, 0\)/ { complain("signals go through a hal9_sys_ wrapper") }
code ~ /(^|[^A-Za-z_0-9>.])write\((fd|[a-z_>.-]*fd|STD|[0-9])/ { complain("what is written goes through hal9_sys_write") }
/flags = / { flags = $0 }
code ~ /(^|[^A-Za-z_0-9>.])(open|openat|creat)\(/ && (code ~ /O_(CREAT|TRUNC)|creat\(/ || (code ~ /flags/ && flags ~ /O_(CREAT|TRUNC)/)) {
    complain("files are made through hal9_sys_open")
}
