#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# hal9-health --output nagios, tap, junit, prometheus: each is a whole document of its kind, and stdout carries nothing else.

load common
load health

# shellcheck disable=SC2016 # $1 is awk's
# What reads each form, as strictly as its receivers do.
tap_reader='
function bad(why) { print "line " NR ": " why; failed = 1; exit 1 }
NR == 1 { if ($0 != "TAP version 13") bad("no version"); next }
/^Bail out!/ { bailed = 1; next }
/^[0-9]+\.\.[0-9]+/ { if (planned++) bad("a second plan"); split($1, p, /\.\./); plan = p[2]; if (p[1] != 1) bad("a plan from " p[1]); next }
in_yaml { if ($0 == "  ...") in_yaml = 0; else if ($0 !~ /^  [a-z_]+: /) bad("not YAML: " $0); next }
$0 == "  ---" { if (last != "not ok") bad("diagnostics of a point that is ok"); in_yaml = 1; next }
/^(not )?ok [0-9]+ - / { last = $1 == "not" ? "not ok" : "ok"; n = $1 == "not" ? $3 : $2; if (n != ++points) bad("point " n " is not " points); total[last]++; next }
/^#/ { next }
{ bad("what is this: " $0) }
END {
  if (failed) exit 1
  if (bailed) { print "bailed out"; exit }
  if (!planned || plan != points || in_yaml) { print "planned " plan ", seen " points; exit 1 }
  print "ok " total["ok"] + 0 ", not ok " total["not ok"] + 0
}'
# shellcheck disable=SC2016
xml_reader='
BEGIN { RS = "<" }
NR == 1 { next }
{
  tag = $0; sub(/>.*/, "", tag); text = $0; sub(/[^>]*>/, "", text)
  if (tag ~ /^\?xml/) next
  if (text ~ /[^ \n]/) { print "text outside of tags: " text; bad = 1; exit }
  name = tag; sub(/[ \/].*/, "", name)
  if (tag ~ /^\//) { name = substr(tag, 2); if (stack[depth--] != name) { print "unbalanced: " name; bad = 1; exit }; next }
  rest = tag; sub(/^[a-z]+/, "", rest); sub(/\/$/, "", rest)
  if (rest !~ /^( [a-z]+="([^"<&]|&(amp|lt|gt|quot);)*")*$/) { print "bad attributes: " tag; bad = 1; exit }
  seen[name]++
  if (tag !~ /\/$/) stack[++depth] = name
}
END {
  if (bad || depth) exit 1
  print "suites " seen["testsuite"] + 0 ", cases " seen["testcase"] + 0 ", failures " seen["failure"] + 0 ", errors " seen["error"] + 0
}'
# shellcheck disable=SC2016
metrics_reader='
function bad(why) { print "line " NR ": " why; failed = 1; exit 1 }
/^# HELP [a-z0-9_]+ / { if (helped[$3]++) bad("a second HELP of " $3); next }
/^# TYPE [a-z0-9_]+ gauge$/ { if (!helped[$3]) bad("TYPE before HELP"); if (typed[$3]++) bad("a second TYPE of " $3); current = $3; next }
/^[a-z0-9_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? -?[0-9.e+]+$/ {
  name = $0; sub(/[{ ].*/, "", name); series = $0; sub(/ [^ ]*$/, "", series)
  if (name != current) bad("series of " name " among those of " current)
  if (there[series]++) bad("a series twice: " series)
  next
}
{ bad("no series: " $0) }
END { if (!failed) print "series " length(there) }'

setup() {
  common_setup
  open_site
}

# A site with everything: healthy, failing, degraded, unknown, without checks; names that need escaping.
all_states() {
  services <<YAML
  good: {checks: [{file: $TEST_DIR}, {memory: {available: 1}}]}
  bad: {checks: [{command: [sh, -c, "echo 'a <b> & \"c\" | d # e'; exit 2"]}, {file: $TEST_DIR, name: 'a "b" = <c> \\ # | ''d'''}]}
  poor: {checks: [{disk: /, free: "100%"}]}
  dark: {checks: [{command: [sh, -c, "exit 3"]}]}
  bare: {}
  twins: {checks: [{file: $TEST_DIR, name: same}, {file: $TEST_DIR, name: same}]}
YAML
}

only_good() {
  services <<YAML
  good: {checks: [{file: $TEST_DIR}, {memory: {available: 1}}]}
YAML
}

@test "nagios: exit 0, 1, 2, 3 by the worst, and its word first" {
  all_states
  for want in good:0:OK poor:1:WARNING bad:2:CRITICAL dark:3:UNKNOWN bare:3:UNKNOWN; do
    IFS=: read -r service code word <<<"$want"
    run hal9-health -o nagios "$service"
    exits "$code"
    [[ ${lines[0]} == "HEALTH $word: "* ]]
  done
  run hal9-health -o nagios dark poor
  exits 1
  run hal9-health -o nagios
  exits 2
  [[ ${lines[0]} == "HEALTH CRITICAL: bad failing (check_failed): "* ]]
  [ "${#lines[@]}" -eq 7 ]
}

@test "nagios: figures are 'label'=value[unit], and '|' stands only before them" {
  all_states
  run hal9-health -o nagios
  [ "$(tr -cd '|' <<<"$output")" = "|" ]
  figures=${lines[0]#*|}
  one=" '([^'=|]|'')+'=-?[0-9.]+(e[+-][0-9]+)?(s|ms|%|B)?(;;;0;1)?"
  [[ $figures =~ ^($one)+$ ]]
  [[ $figures == *" 'good score'=1;;;0;1"* ]]
  [[ $figures == *" 'good memory'="[0-9.]*"% "* ]]
  [[ $figures == *"''d''"* ]]
}

@test "nagios: what keeps it from probing is UNKNOWN, exit 3, on stdout, too" {
  echo "services: [" >"$HAL9OPS_CONFIG"
  run --separate-stderr hal9-health -o nagios
  exits 3
  [[ $output == "HEALTH UNKNOWN: $HAL9OPS_CONFIG:"* ]]
  [[ $stderr == *"$HAL9OPS_CONFIG:"* ]]
  only_good
  run --separate-stderr hal9-health -o nagios goood
  exits 3
  [[ $output == "HEALTH UNKNOWN: no service 'goood'"*"did you mean 'good'?" ]]
}

@test "tap: a version, one plan, a numbered point for each check, diagnostics for what is not ok" {
  all_states
  run -1 hal9-health -o tap
  echo "$output" >"$TEST_DIR/tap"
  run awk "$tap_reader" "$TEST_DIR/tap"
  echo "$output"
  [ "$output" = "ok 5, not ok 4" ]
  grep -q "^not ok .* - bare: no checks$" "$TEST_DIR/tap"
  grep -qF '  message: "a <b> & \"c\"' "$TEST_DIR/tap"
  grep -q '^  severity: "unknown"$' "$TEST_DIR/tap"
  only_good
  run hal9-health -o tap
  exits 0
  [ "$(awk "$tap_reader" <<<"$output")" = "ok 2, not ok 0" ]
}

@test "tap: nothing to probe is a failed point, an error bails out" {
  run hal9-health -o tap
  exits 4
  [ "$(awk "$tap_reader" <<<"$output")" = "ok 0, not ok 1" ]
  run --separate-stderr hal9-health -o tap nobody
  exits 2
  [ "$(awk "$tap_reader" <<<"$output")" = "bailed out" ]
}

@test "junit: a suite for each service, a case for each check, the counts are true" {
  all_states
  run -1 hal9-health -o junit
  echo "$output" >"$TEST_DIR/xml"
  run awk "$xml_reader" "$TEST_DIR/xml"
  echo "$output"
  [ "$output" = "suites 6, cases 9, failures 2, errors 2" ]
  grep -q '^<testsuites name="hal9-health" tests="9" failures="2" errors="2" skipped="0">$' "$TEST_DIR/xml"
  grep -q 'message="a &lt;b&gt; &amp; &quot;c&quot;"' "$TEST_DIR/xml"
  grep -q '<testcase classname="twins" name="same #2"' "$TEST_DIR/xml"
  run --separate-stderr hal9-health -o junit nobody
  exits 2
  [ "$(awk "$xml_reader" <<<"$output")" = "suites 1, cases 1, failures 0, errors 1" ]
}

@test "prometheus: HELP and TYPE before their series, no series twice, a state of its own for unknown" {
  all_states
  run -1 hal9-health -o prometheus
  echo "$output" >"$TEST_DIR/prom"
  run awk "$metrics_reader" "$TEST_DIR/prom"
  echo "$output"
  [[ $output == "series "* ]]
  grep -qx 'hal9_service_state{service="dark",state="unknown"} 1' "$TEST_DIR/prom"
  grep -qx 'hal9_service_state{service="dark",state="healthy"} 0' "$TEST_DIR/prom"
  grep -qF 'check="a \"b\" = <c> \\ # | '"'d'"'",type="file",state="pass"} 1' "$TEST_DIR/prom"
  grep -qx 'hal9_health_exit 1' "$TEST_DIR/prom"
  [ "$(tail -c 1 "$TEST_DIR/prom" | od -An -c | tr -d ' ')" = '\n' ]
}

@test "prometheus: an error leaves stdout empty" {
  run --separate-stderr hal9-health -o prometheus nobody
  exits 2
  [ -z "$output" ]
}

@test "a document is the same on stdout whatever the words: -v, the tone, a terminal" {
  only_good
  for form in tap junit; do
    run --separate-stderr hal9-health -v --tone 3am -o "$form"
    exits 0
    [[ ${lines[0]} == "TAP version 13" || ${lines[0]} == "<?xml "* ]]
    never_says "What to do next"
  done
}

@test "at the end of a pipe only the document is written, not the records that were read" {
  skip_unless jq
  all_states
  run bash -c 'hal9-health -o json good | hal9-health -o tap -'
  [ "$(awk "$tap_reader" <<<"$output")" = "ok 2, not ok 0" ]
  run --separate-stderr bash -c 'hal9-health -o json good | head -n 1 | hal9-health -o nagios -'
  exits 3
}

@test "a reader that has gone or a full disk is told" {
  [ -c /dev/full ] || skip "needs /dev/full"
  only_good
  run bash -c 'hal9-health -o tap >/dev/full'
  exits 4
  says "cannot write to stdout"
  run bash -c 'hal9-health -o nagios >/dev/full'
  exits 3
}
