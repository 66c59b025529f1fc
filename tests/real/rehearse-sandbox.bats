#!/usr/bin/env bats
# Rehearsals on copies: anywhere, without touching the real parts, and nothing is left of them.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
  export TMPDIR=$TEST_DIR/t
  mkdir "$TMPDIR"
}

records() {
  jq -rs "[.[] | select(.kind == \"rehearsal\")] | $1" "$TEST_DIR/out"
}

rehearse() {
  local status=0
  hal9-rollback rehearse --sandbox -o json "${@:2}" >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $(cat "$TEST_DIR/words" "$TEST_DIR/out")"
}

# No copies, no haproxy of its own, and the real state directory isn't even made.
is_gone() {
  [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'hal9-rehearsal.*')" ] || fail "left: $(ls -a "$TMPDIR")"
  run pgrep -f "$TMPDIR/hal9-rehearsal"
  [ "$status" -eq 1 ] || fail "still runs: $output"
}

@test "files, flags, a release and a private haproxy: all ways, at every line, in an environment that isn't staging" {
  rollback_site 2 1
  before=$(world)
  edge_before=$(edge 'show stat' | grep -c .)
  rehearse 0
  is_world "$before"
  [ "$(edge 'show stat' | grep -c .)" -eq "$edge_before" ]
  [ "$(records 'map(.state) | unique | join(",")')" = pass ]
  [ "$(records '[.[] | select(.sandbox | not)] | length')" -eq 0 ]
  [ "$(records '[.[] | select(.killed == null) | .part] | unique | join(" ")')" = "balancer:edge/hal9 files:$site_dir/conf flags:main release:$site_dir/current" ]
  is_gone
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "thorough: killed at each line of the journal" {
  rollback_site 1 0
  sed -i '/balancer: edge, backend/d; s/health: .*//' "$HAL9OPS_CONFIG"
  rehearse 0 --thorough
  many=$(records '[.[] | select(.strategy == "immediate" and .killed) | .killed] | unique | length')
  [ "$many" -ge 6 ]
  [ "$(records 'map(.state) | unique | join(",")')" = pass ]
  is_gone
}

@test "words for people, and what has no copy is skipped by name" {
  rollback_site 1 1
  sed -i "s|^flags: .*|flags: {main: {flagd: $site_dir/flags.json}, far: {unleash: {url: 'http://127.0.0.1:1', project: default, environment: production}}}|; s|      - {files|      - {flags: far}\n      - {files|" "$HAL9OPS_CONFIG"
  run hal9-rollback rehearse --sandbox -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *". flags:far  skipped  unleash is not copied: it is a server"* ]]
  [[ $output == *". immediate  pass  "*". files:$site_dir/conf  pass"*"immediate, killed at the first change (line "[0-9]*" of "* ]]
  [ "${lines[-2]}" = "the copies are removed; the real parts were not touched" ]
  [[ ${lines[-1]} == *" passed, 0 failed, 0 unknown, 1 skipped" ]]
  # As JUnit, for CI.
  hal9-rollback rehearse --sandbox -o junit >"$TEST_DIR/junit.xml"
  xmllint --noout "$TEST_DIR/junit.xml"
  [ "$(xmllint --xpath 'string(//testcase[@name="flags:far"]/skipped/@message)' "$TEST_DIR/junit.xml")" = "unleash is not copied: it is a server" ]
  [ "$(xmllint --xpath 'string(/testsuites/@failures)' "$TEST_DIR/junit.xml")" = 0 ]
  [ "$(xmllint --xpath 'count(//testsuite[@name="gradual"]/testcase)' "$TEST_DIR/junit.xml")" = 4 ]
  is_gone
}

@test "what a killed one has left, its haproxy too, is removed by the next, which says so" {
  rollback_site 1 1
  hal9-rollback rehearse --sandbox -o json >"$TEST_DIR/killed" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  wait_for_log "$TEST_DIR/killed" '"strategy":"immediate"' 30
  kill -KILL "$pid"
  wait "$pid" || true
  [ -n "$(find "$TMPDIR" -maxdepth 1 -name 'hal9-rehearsal.*')" ]
  pgrep -f "haproxy .*$TMPDIR/hal9-rehearsal" >/dev/null
  rehearse 0
  cat "$TEST_DIR/words"
  grep -q 'which a rehearsal that was killed had left, is removed' "$TEST_DIR/words"
  is_gone
}

@test "another user's copies: files of root are copied as one's own, what can't be read is unknown" {
  need_root
  rollback_site 1 1
  chmod 0600 "$site_dir/conf/same.yaml"
  chmod a+rx "$TEST_DIR" "$site_dir" "$site_dir/conf"
  chmod a+r "$HAL9OPS_CONFIG" "$site_dir/flags.json" "$site_dir/conf/app.yaml"
  mkdir -m 0777 "$TEST_DIR/u"
  status=0
  TMPDIR=$TEST_DIR/u HAL9OPS_STATE_DIR=$TEST_DIR/u/s as_user 4242 "$HAL9_BIN/hal9-rollback" rehearse --sandbox -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  cat "$TEST_DIR/words"
  [ "$status" -eq 4 ]
  [ "$(records "[.[] | select(.part == \"files:$site_dir/conf\")] | map(.state) | unique | join(\",\")")" = unknown ]
  [ "$(records '[.[] | select(.part == "flags:main")] | map(.state) | unique | join(",")')" = pass ]
  chmod 0644 "$site_dir/conf/same.yaml"
  chmod a+rw "$TEST_DIR/edge.sock"
  TMPDIR=$TEST_DIR/u HAL9OPS_STATE_DIR=$TEST_DIR/u/s as_user 4242 "$HAL9_BIN/hal9-rollback" rehearse --sandbox -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words"
  [ "$(records 'map(.state) | unique | join(",")')" = pass ]
  [ -z "$(find "$TEST_DIR/u" -name 'hal9-rehearsal.*')" ]
}
