# count.awk: reads ctest's JUnit file and counts every single case of the TAP within. Prints each failed and skipped
# case, then "N passed, N failed, N skipped". A case that was planned and never ran, and a program that ends badly
# after all its cases passed, are failures. With -v totals=FILE the three numbers go to FILE, too.
function plain(s) {
    gsub(/&lt;/, "<", s)
    gsub(/&gt;/, ">", s)
    gsub(/&quot;/, "\"", s)
    gsub(/&apos;/, "'", s)
    gsub(/&amp;/, "\\&", s)
    return s
}
function attribute(name, s) {
    s = $0
    if (!sub(".* " name "=\"", "", s))
        return ""
    sub(/".*/, "", s)
    return plain(s)
}
function fail(what) {
    failed++
    here_failed++
    print "failed: " test ": " what
}

/^[ \t]*<testcase / {
    test = attribute("name")
    status = attribute("status")
    planned = ran = here_failed = 0
    reading = 0
}
/<system-out>/ { reading = 1; sub(/.*<system-out>/, "") }
{ last_line = /<\/system-out>/; sub(/<\/system-out>.*/, "") }
reading && /^1\.\.[0-9]+/ { planned += substr($0, 4) + 0 }
reading && /^# needs / { needs = plain(substr($0, 3)) } # a cmocka test's reason comes in a line before it
reading && /^(not )?ok [0-9]+/ {
    ran++
    name = plain($0)
    sub(/^(not )?ok [0-9]+ (- )?/, "", name)
    if (match(name, /# [Ss][Kk][Ii][Pp]/)) { # "ok 1 NAME # skip REASON" by bats, "not ok 1 # SKIP NAME" by cmocka
        reason = substr(name, RSTART + RLENGTH + 1)
        name = substr(name, 1, RSTART - 2)
        if (name == "") {
            name = reason
            reason = needs
        }
        skipped++
        print "skipped: " test ": " name " (" (reason == "" ? "no reason told" : reason) ")"
    } else if ($0 ~ /^ok/) {
        passed++
    } else {
        fail(name)
    }
    needs = ""
}
last_line { reading = 0 }
/^[ \t]*<\/testcase>/ {
    for (; ran < planned; ran++)
        fail("a case that did not run (" planned " were planned)")
    if (status != "run" && here_failed == 0)
        fail(ran > 0 ? "it ended badly after its cases" : "it ended badly")
    else if (ran == 0 && here_failed == 0)
        passed++
}
END {
    passed += 0; failed += 0; skipped += 0
    if (totals)
        print passed, failed, skipped >totals
    print passed " passed, " failed " failed, " skipped " skipped"
    exit (failed > 0 || passed == 0) ? 1 : 0
}
