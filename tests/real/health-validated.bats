#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# The documents of hal9-health, read by the programs that they are for: promtool, xmllint, prove; nagios by its own rules.

load common
load health

setup() {
  common_setup
  open_site
  # shellcheck disable=SC2016 # the shell of the command expands it
  services <<YAML
  good: {checks: [{file: $TEST_DIR}, {memory: {available: 1}}]}
  bad-서버: {checks: [{command: [sh, -c, "printf 'a <b> & \"c\" | d # e\\\\n]]> \\\\033[31m \\\\377'; exit 2"]}, {file: $TEST_DIR, name: 'a "b" = <c> \\ # ''d'' \$x'}]}
  poor: {checks: [{disk: /, free: "100%"}]}
  dark: {checks: [{command: [sh, -c, "exit 3"]}]}
  bare: {}
YAML
}

@test "promtool takes the metrics, of a good and of a bad site" {
  skip_unless promtool prometheus
  for service in good ""; do
    hal9-health -o prometheus $service >"$TEST_DIR/prom" || true
    [ -s "$TEST_DIR/prom" ]
    run promtool check metrics <"$TEST_DIR/prom"
    [ "$status" -eq 0 ] || fail "$output"
    [ -z "$output" ] || fail "$output"
  done
}

@test "xmllint takes the suite, and counts what it counts" {
  skip_unless xmllint libxml2-utils
  hal9-health -o junit >"$TEST_DIR/xml" || true
  run xmllint --noout "$TEST_DIR/xml"
  [ "$status" -eq 0 ] || fail "$output"
  for what in testcase:tests failure:failures error:errors; do
    [ "$(xmllint --xpath "count(//${what%%:*})" "$TEST_DIR/xml")" = "$(xmllint --xpath "string(/testsuites/@${what##*:})" "$TEST_DIR/xml")" ]
  done
}

@test "prove takes the points: a good site passes, a bad one fails, a cut one fails" {
  skip_unless prove perl
  hal9-health -o tap good >"$TEST_DIR/good.t"
  run prove --exec cat "$TEST_DIR/good.t"
  [ "$status" -eq 0 ] || fail "$output"
  hal9-health -o tap >"$TEST_DIR/bad.t" || true
  run prove -v --exec cat "$TEST_DIR/bad.t"
  [ "$status" -ne 0 ]
  [[ $output != *"Parse errors"* ]] || fail "$output"
  head -n 2 "$TEST_DIR/good.t" >"$TEST_DIR/cut.t"
  run prove --exec cat "$TEST_DIR/cut.t"
  [ "$status" -ne 0 ]
}
