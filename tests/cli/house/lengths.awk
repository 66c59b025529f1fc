# lengths.awk: files over 500 lines and functions over 100, as FILE:LINE: why. Counts on clang-format: a function's
# last line is a brace in the first column, its first line the nearest unindented one above the opening brace.
function end_of_file() {
    if (lines > 500)
        print file ":" lines ": " lines " lines in one file (500 at most)"
}
FNR == 1 { if (file) end_of_file(); file = FILENAME; inside = 0 }
{ lines = FNR }
!inside && /^[A-Za-z_]/ { start = FNR; head = $0 }
!inside && /\) \{$/ && head !~ /^(struct|enum|union|typedef)[^(]*$/ { inside = 1 }
inside && /^}/ {
    inside = 0
    if (FNR - start + 1 > 100)
        print FILENAME ":" start ": " FNR - start + 1 " lines in one function (100 at most)"
}
END { if (file) end_of_file() }
