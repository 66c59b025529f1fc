# asserts.awk: assertions of bats tests that cannot fail, as FILE:LINE: why. Under set -e a failure left of && (and of
# a command behind !) ends nothing, unless the line is the last of its test.
function complain(line, why) {
    print FILENAME ":" line ": " why
}
FNR == 1 { inside = 0; suspect = 0 }
suspect && !/^[ \t]*(#.*)?$/ {
    if (!/^}/)
        complain(suspect, "a failure left of && goes unseen here; write two lines")
    suspect = 0
}
/^@test .*\{$/ { inside = 1 }
/^}/ { inside = 0 }
inside && /^  \[\[? .* \]\]? && / { suspect = FNR }
inside && /^  ! / { complain(FNR, "a negated command cannot fail a test; use run") }
