# Prints "HEADER NAME COMMENTED" for each function that a public header declares with HAL9_API.
# COMMENTED is 1 when a comment stands above it (directly, or above the run of declarations without a
# blank line that it belongs to) or behind it on its line.
function header(path) {
    sub(/.*\//, "", path)
    return path
}
FNR == 1 { commented = 0; in_comment = 0; declaring = "" }
in_comment { if (/\*\//) in_comment = 0; next }
declaring == "" && /^[ \t]*$/ { commented = 0; next }
declaring == "" && /^[ \t]*\/[*\/]/ { commented = 1; in_comment = /^[ \t]*\/\*/ && !/\*\//; next }
declaring == "" && !/^HAL9_API / { commented = 0; next }
{
    line = $0
    behind = sub(/\/[*\/].*/, "", line)
    if (behind && $0 ~ /\/\*/ && $0 !~ /\*\//)
        in_comment = 1
    remarked = remarked || behind
    declaring = declaring " " line
    if (line !~ /;/)
        next
    if (match(declaring, /[A-Za-z_0-9]+[ \t]*\(/)) {
        name = substr(declaring, RSTART, RLENGTH)
        sub(/[ \t]*\($/, "", name)
        print header(FILENAME), name, (commented || remarked) ? 1 : 0
    }
    declaring = ""
    remarked = 0
}
