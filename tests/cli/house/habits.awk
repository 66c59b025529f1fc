# habits.awk: what no source of ours does, as FILE:LINE: why. Comments and strings count only for unfinished work.
function complain(why) {
    print FILENAME ":" FNR ": " why
}
FNR == 1 { in_comment = 0 }
tolower($0) ~ /(^|[^a-z])(to-?do|fixme|stub|placeholder|not implemented|for now)([^a-z]|$)/ { complain("unfinished work") }
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
code ~ /(^|[^A-Za-z_0-9])(strcpy|strcat|sprintf|vsprintf|gets|tmpnam|mktemp|system|popen)\(/ { complain("a call that this house does not make") }
FILENAME ~ /^lib\// && code ~ /(^|[^A-Za-z_0-9])exit\(/ { complain("libraries return, only commands exit") }
FILENAME !~ /^lib\/sys\// && code ~ /(^|[^A-Za-z_0-9])(v?fork|execv?p?e?|execl[pe]?|posix_spawnp?)\(/ { complain("processes are started by sys alone") }
FILENAME !~ /^lib\/sys\// && code ~ /__linux__|__APPLE__/ { complain("platforms are told apart in sys alone") }
