#!/usr/bin/env bats
# Rehearsals in staging, on real servers: what they disturb comes back by each strategy, killed in the middle or not, and is told part by part.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

# staging [OLD NEW]: a site whose configuration lets itself be disturbed.
staging() {
  PLAN='staging: true' rollback_site "${1:-1}" "${2:-1}"
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/config"
}

# records FILTER: of the rehearsal's records in $TEST_DIR/out.
records() {
  jq -rs "[.[] | select(.kind == \"rehearsal\")] | $1" "$TEST_DIR/out"
}

# rehearse STATUS ARGUMENT…: records to $TEST_DIR/out, words to $TEST_DIR/words.
rehearse() {
  local status=0
  hal9-rollback rehearse -o json "${@:2}" >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $(cat "$TEST_DIR/words" "$TEST_DIR/out")"
}

# Nothing of it is left: no snapshot, nothing unfinished.
is_gone() {
  [ "$(hal9-rollback list -o json | jq -s '[.[] | select(.kind == "snapshot")] | length')" -eq 0 ]
  hal9-rollback status
}

@test "each part comes back by each strategy, and killed at the first, a middle and the last change; all is as before" {
  staging 1 1
  before=$(world)
  rehearse 0 --env staging
  is_world "$before"
  is_gone
  echo "parts of a rollback that isn't killed"
  for strategy in immediate gradual partial; do
    [ "$(records "[.[] | select(.strategy == \"$strategy\" and .killed == null and .state == \"pass\")] | length")" -eq 4 ]
  done
  echo "kills"
  [ "$(records 'map(.state) | unique | join(",")')" = pass ]
  for strategy in immediate gradual; do
    [ "$(records "[.[] | select(.strategy == \"$strategy\" and .killed) | .killed] | unique | join(\",\")")" = "first change,last change,middle" ]
  done
  [ "$(records '[.[] | select(.strategy == "partial" and .killed) | .killed] | unique | join(",")' | grep -c 'first change')" -eq 1 ]
  # It was really killed there: most of the kills came before the end.
  [ "$(records '[.[] | select(.killed and (.lines | startswith("line ")))] | length')" -gt 12 ]
  [ "$(jq -rs '[.[] | select(.kind == "end")] | .[0] | "\(.exit) \(.failed) \(.passed == .ran)"' "$TEST_DIR/out")" = "0 0 true" ]
  # Each was an operation: disturbances by this tool, rollbacks to the snapshot; the killed ones were resumed.
  hal9-rollback history -o json >"$TEST_DIR/history"
  [ "$(jq -s '[.[] | select(.title // "" | startswith("rehearsal of migration: disturb 4 parts"))] | length' "$TEST_DIR/history")" -ge 9 ]
  [ "$(grep -l '"type":"resume"' "$HAL9OPS_STATE_DIR"/journal/*.ndjson | wc -l)" -ge 6 ]
}

@test "flagd's own evaluator gives the same answers after it, whatever rules and variants a flag has" {
  load ../real/flagd
  need_flagd_core
  staging 1 0
  sed -i '/balancer: edge, backend/d; /files: /d; /release: /d; s/health: .*//' "$HAL9OPS_CONFIG"
  cat >"$site_dir/flags.json" <<'JSON'
{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "share": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"fractional": [["on", 25], ["off", 75]]}},
    "ruled": {"state": "ENABLED", "variants": {"yes": true, "no": false}, "defaultVariant": "no", "targeting": {"if": [{"ends_with": [{"var": "targetingKey"}, "7"]}, "yes", "no"]}},
    "asleep": {"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}
  }
}
JSON
  answers() {
    for f in share ruled asleep; do evaluate "$site_dir/flags.json" "$f"; done
  }
  before=$(answers)
  rehearse 0
  [ "$(records '[.[] | select(.part == "flags:main" and .state == "pass")] | length')" -eq 6 ]
  [ "$(answers)" = "$before" ]
  # Each of them was another in between, and the file never broken.
  [ "$(cat "$HAL9OPS_STATE_DIR"/journal/*.ndjson | jq -rs '[.[] | select(.subject.rehearsal) | .steps[].args.flags | keys[]] | unique | join(" ")')" = "asleep ruled share" ]
}

@test "where the configuration doesn't say staging: true, or is of another environment, nothing is touched" {
  rollback_site 1 1
  before=$(world)
  run hal9-rollback rehearse
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"does not say staging: true"*"--sandbox"* ]]
  run hal9-rollback rehearse --env staging
  [ "$status" -eq 2 ]
  [[ $output == *"names no environment"* ]]
  sed -i 's/^hal9: 1/hal9: 1\nstaging: true\nenvironment: qa/' "$HAL9OPS_CONFIG"
  run hal9-rollback rehearse --env staging -o text
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"is of environment 'qa', not 'staging'; nothing was touched"* ]]
  run hal9-rollback rehearse migratoin --env qa
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'migration'?"* ]]
  run hal9-rollback history -o junit
  [ "$status" -eq 2 ]
  is_world "$before"
  # A dry run reads the parts, and that is all.
  run hal9-rollback rehearse -n --env qa -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ ${lines[-1]} == *"nothing was touched (--dry-run)" ]]
  is_world "$before"
  [ ! -e "$HAL9OPS_STATE_DIR/journal" ] || [ -z "$(ls "$HAL9OPS_STATE_DIR/journal")" ]
}

@test "a part that can't be read: nothing is begun" {
  staging 1 1
  kill_edge
  rehearse 4
  grep -q 'balancer:edge/hal9' "$TEST_DIR/words"
  [ "$(flag new-path)" = off ]
  [ "$(hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ]
}

@test "a balancer that hangs is a part that can't be read, within bounds" {
  staging 1 1
  kill -STOP "$(cat "$TEST_DIR/edge.pid")"
  timeout 60 hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  kill -CONT "$(cat "$TEST_DIR/edge.pid")"
  cat "$TEST_DIR/words"
  [ "$status" -eq 4 ]
  grep -q 'balancer:edge/hal9' "$TEST_DIR/words"
}

@test "a file that can't be written fails its part, by name and with exit 1; all else passes, and all is back" {
  need_root
  staging 1 1
  chmod -R a+rwX "$site_dir" "$HAL9OPS_LOCK_DIR"
  chmod a+rw "$TEST_DIR/edge.sock"
  mkdir -m 0777 "$HAL9OPS_STATE_DIR.user"
  chown -R 4242:4242 "$site_dir" "$HAL9OPS_CONFIG" "$HAL9OPS_LOCK_DIR" "$HAL9OPS_STATE_DIR.user" "$TEST_DIR/edge.sock"
  chown 0:0 "$site_dir/conf/app.yaml"
  before=$(world)
  run as_user 4242 "$HAL9_BIN/hal9-rollback" rehearse -o junit --state-dir "$HAL9OPS_STATE_DIR.user/state"
  echo "$output"
  [ "$status" -eq 1 ]
  is_world "$before"
  [ "$(stat -c %u "$site_dir/conf/app.yaml")" -eq 0 ]
  grep '^[<  ]' <<<"$output" >"$TEST_DIR/junit.xml"
  xmllint --noout "$TEST_DIR/junit.xml"
  [ "$(xmllint --xpath 'count(//testcase[failure])' "$TEST_DIR/junit.xml")" -ge 3 ]
  [ "$(xmllint --xpath "count(//testcase[failure and @name != 'files:$site_dir/conf'])" "$TEST_DIR/junit.xml")" -eq 0 ]
  [[ $(xmllint --xpath 'string(//testsuite[@name="immediate"]/testcase/failure/@message)' "$TEST_DIR/junit.xml") == *"could not be disturbed"*"app.yaml"* ]]
  [ "$(xmllint --xpath 'count(//testsuite[@name="gradual"]/testcase[not(*)])' "$TEST_DIR/junit.xml")" -eq 3 ]
  [ "$(xmllint --xpath 'string(/testsuites/@failures)' "$TEST_DIR/junit.xml")" = "$(xmllint --xpath 'count(//testcase[failure])' "$TEST_DIR/junit.xml")" ]
}

@test "services that aren't healthy fail the rollback, though all parts are back" {
  staging 1 1
  sed -i 's#/health"}#/health", expect: {status: 418}}#; s#    checks: #    gate: {within: 1s}\n    checks: #' "$HAL9OPS_CONFIG"
  before=$(world)
  rehearse 1
  is_world "$before"
  [ "$(records '[.[] | select(.state == "fail") | .part] | unique | join(",")')" = rollback ]
  grep -q 'not killed in the middle' "$TEST_DIR/words"
}

# kill_rehearsal PATTERN: it is killed when a title in a journal fits.
kill_rehearsal() {
  local pid lines follower status=0
  mkdir -p "$HAL9OPS_STATE_DIR/journal"
  hal9-rollback rehearse -o json >"$TEST_DIR/killed" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  exec {lines}< <(exec tail -n +1 -s 0.01 -F "$TEST_DIR/killed" 2>/dev/null 3>&- 4>&-)
  follower=$!
  timeout 30 grep -q -m 1 -E "$1" <&"$lines" || status=$?
  kill -KILL "$pid"
  kill "$follower"
  exec {lines}<&-
  wait "$pid" || true
  [ "$status" -eq 0 ] || fail "it never said $1: $(cat "$TEST_DIR/killed")"
}

@test "a rehearsal that was itself killed is taken back by the next one, which says so" {
  staging 1 1
  before=$(world)
  kill_rehearsal '"strategy":"immediate","killed":"first change"'
  rehearse 0 --lock-timeout 30s
  cat "$TEST_DIR/words"
  grep -q 'a rehearsal of .* was broken off' "$TEST_DIR/words"
  is_world "$before"
  is_gone
}

# stop_rehearsal LINE: it is killed when it has written that line of its first operation, the disturbance.
stop_rehearsal() {
  local ready go pid
  mkfifo "$TEST_DIR/ready.$1" "$TEST_DIR/go.$1"
  exec {ready}<>"$TEST_DIR/ready.$1" {go}<>"$TEST_DIR/go.$1"
  HAL9OPS_TEST_STOP=$1:$ready:$go hal9-rollback rehearse -o json >"$TEST_DIR/killed" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  read -r -t 30 -N 1 -u "$ready" _ || fail "it never came to line $1: $(cat "$TEST_DIR/killed")"
  kill -KILL "$pid"
  wait "$pid" || true
  exec {ready}<&- {go}<&-
}

@test "killed while it disturbs, and while that is taken back: the next one goes on" {
  staging 1 1
  before=$(world)
  # The first time in the disturbance; the next ones find that, and are killed while they take it back, or later.
  for line in 5 3 6 12; do
    stop_rehearsal "$line"
    hal9-rollback list -o json | grep -q '"why":"rehearsal"'
  done
  [ "$(hal9-rollback list -o json | grep -c '"why":"rehearsal"')" -eq 1 ]
  rehearse 0
  grep -q 'was broken off' "$TEST_DIR/words"
  is_world "$before"
  is_gone
}

@test "killed with half a folder written: the next one takes that back" {
  staging 1 0
  sed -i '/balancer: edge, backend/d; s/health: .*//' "$HAL9OPS_CONFIG"
  hal9-rollback snapshot warm -o text
  hal9-rollback prune warm -o text
  before=$(world)
  n=10 found=
  until [ -n "$found" ]; do
    [ "$((++n))" -lt 60 ] || fail "no kill left half a folder"
    HAL9OPS_FAULT=rename:$n:KILL hal9-rollback rehearse >"$TEST_DIR/killed" 2>&1 || true
    found=$(find "$site_dir/conf" -name '.hal9-tmp*')
  done
  rehearse 0 --lock-timeout 30s
  is_world "$before"
  [ -z "$(find "$site_dir/conf" -name '.hal9-tmp*')" ]
  is_gone
}

@test "a disk that gets full in the middle: it ends with words, and all is as before, by itself or by the next one" {
  staging 1 0
  sed -i '/balancer: edge, backend/d; s/health: .*//' "$HAL9OPS_CONFIG"
  before=$(world)
  for point in open:90+ write:100+ write:110 fsync:80+; do
    status=0
    HAL9OPS_FAULT=$point:ENOSPC hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
    echo "$point: $status: $(cat "$TEST_DIR/words")"
    [ "$status" -lt 128 ]
    rehearse 0
    is_world "$before"
    is_gone
  done
}

@test "what others changed since a killed rehearsal is not overwritten" {
  staging 1 1
  before=$(world)
  stop_rehearsal 7
  weights s1=77
  rehearse 3
  cat "$TEST_DIR/words"
  grep -q "can't be taken back" "$TEST_DIR/words"
  [[ $(traffic) == "s1 77 "* ]]
  id=$(grep -o 'hal9-rollback to [0-9a-z]*' "$TEST_DIR/words")
  $id -o text
  is_world "$before"
  rehearse 0
  is_world "$before"
  is_gone
}

@test "a first signal: no further round, all is as before, and its exit code" {
  staging 1 1
  before=$(world)
  env --default-signal=INT hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" 3>&- 4>&- </dev/null &
  pid=$!
  wait_for_log "$TEST_DIR/out" '"strategy":"immediate"' 30
  kill -INT "$pid"
  status=0
  wait "$pid" || status=$?
  cat "$TEST_DIR/words"
  [ "$status" -eq 130 ]
  is_world "$before"
  is_gone
}
