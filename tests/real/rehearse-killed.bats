#!/usr/bin/env bats
# Rehearsals that don't come to their end: killed, interrupted, on a full disk. What they have disturbed comes back, by the next one at the latest.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback
load ../real/rehearse

setup() {
  common_setup
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

@test "a first signal, whenever it comes: no further round, all is as before, and its exit code" {
  staging 1 1
  before=$(world)
  for when in '"kind":"begin"' '"strategy":"immediate"' '"killed":"first change"'; do
    rm -f "$TEST_DIR/out"
    env --default-signal=INT hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" 3>&- 4>&- </dev/null &
    pid=$!
    wait_for_log "$TEST_DIR/out" "$when" 30
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    cat "$TEST_DIR/words"
    [ "$status" -eq 130 ]
    is_world "$before"
    is_gone
  done
}
