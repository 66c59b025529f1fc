#!/usr/bin/env bats
# hal9-rollback watch killed around its decision: it is remembered before it is acted on, and the next watch, or resume, brings it to its end.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback
load ../real/rollback-watch

setup() {
  common_setup
}

# faulty SPEC: a watch that fires, with that fault.
faulty() {
  status=0
  rates 0.06 0.07 | HAL9OPS_FAULT=$1 hal9-rollback watch - >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
}

attempts() {
  [ ! -e "$HAL9OPS_STATE_DIR/watches/migration.json" ] || jq -r "$1" "$HAL9OPS_STATE_DIR/watches/migration.json"
}

anew() {
  rm -rf "$HAL9OPS_STATE_DIR/watches"
  migrate
}

@test "killed between deciding and acting: it counts, nothing was done, and the next watch acts at once" {
  watched_site
  at 0
  for n in {1..40}; do
    faulty "$n:KILL"
    [ "$status" -eq 137 ]
    [ -z "$(attempts .plan)" ] || break
  done
  [ "$(attempts '.attempts | length')" -eq 1 ]
  [ "$(attempts '.attempts[0].ended')" = null ]
  [ "$(rollbacks)" -eq 0 ]
  is_world "$migrated"
  watch_rates 0.06 0.07
  exits 0
  err_says "was killed before it rolled back: nothing was done; it counts as an attempt"
  is_world "$before"
  [ "$(attempts '[.attempts[].outcome] | join(",")')" = "killed,done" ]
  [ "$(rollbacks)" -eq 1 ]
}

@test "killed at any of its first changes, and at random ones: the file is whole, and the next one comes to the end" {
  watched_site
  at 0
  faulty "count:$TEST_DIR/points"
  exits 0
  local points seed=${HAL9OPS_SEED:-$(date +%s)} n list=() clock=0 done_before
  points=$(cat "$TEST_DIR/points")
  echo "# seed $seed, $points points" >&3
  RANDOM=$((seed % 32768))
  for n in $(seq 1 "${HAL9OPS_KILLS:-12}"); do list+=("$((n % 2 ? n : RANDOM % points + 1))"); done
  for n in "${list[@]}"; do
    anew
    clock=$((clock + 1000))
    at "$clock"
    done_before=$(rollbacks)
    faulty "$n:KILL"
    [ "$status" -eq 137 ] || [ "$status" -eq 0 ] || fail "point $n: $status $(cat "$TEST_DIR/err")"
    attempts . >/dev/null || fail "point $n: what was tried is damaged"
    at $((clock + 400))
    watch_rates 0.06 0.07
    if [ "$(decisions)" = held ]; then
      hal9-rollback resume -o text || fail "point $n: no resume"
    fi
    is_world "$before" || fail "point $n"
    [ "$(attempts '.attempts | length')" -le 2 ]
    [ "$(rollbacks)" -le $((done_before + 2)) ]
  done
}

@test "killed while it rolls back: the next watch says so, holds, and resume goes on" {
  watched_site
  at 0
  mkfifo "$TEST_DIR/stop.ready" "$TEST_DIR/stop.go"
  exec {ready}<>"$TEST_DIR/stop.ready" {go}<>"$TEST_DIR/stop.go"
  rates 0.06 0.07 >"$TEST_DIR/in"
  HAL9OPS_TEST_STOP=4:$ready:$go hal9-rollback watch - >/dev/null 2>&1 3>&- 4>&- <"$TEST_DIR/in" &
  pid=$!
  IFS= read -r -n 1 -t 30 -u "$ready" _
  kill -KILL "$pid"
  wait "$pid" || true
  watch_rates 0.06 0.07
  exits 1
  err_says "was killed while it rolled back: operation "
  [ "$(decisions)" = held ]
  [ "$(attempts '.attempts[0].outcome')" = open ]
  hal9-rollback resume -o text
  is_world "$before"
  [ "$(rollbacks)" -eq 1 ]
}

@test "on a full disk it is remembered in the reserve; where it can't be, it is done all the same" {
  watched_site
  at 0
  faulty "rename:1:ENOSPC"
  exits 0
  is_world "$before"
  [ "$(attempts '.attempts[0].outcome')" = "done" ]
  # a broken disk, at the first write there
  anew
  mkdir "$HAL9OPS_STATE_DIR/watches"
  for n in {1..9}; do
    faulty "rename:$n:EIO"
    ! grep -q "can't be remembered" "$TEST_DIR/err" || break
    at $((n * 400))
    anew
  done
  exits 0
  err_says "that it was tried can't be remembered"
  is_world "$before"
}

@test "a state directory of somebody else: nothing is begun" {
  need_root
  watched_site
  chmod 0700 "$HAL9OPS_STATE_DIR"
  chmod 0644 "$HAL9OPS_CONFIG"
  rates 0.06 0.07 >"$TEST_DIR/in"
  status=0
  as_user 65534 "$HAL9_BIN/hal9-rollback" watch - <"$TEST_DIR/in" >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 4
  is_world "$migrated"
}
