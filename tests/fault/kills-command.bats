#!/usr/bin/env bats
# A rollback of a command part killed at each line of its journal, and while the command runs: resume brings the state back, undo takes it away.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load kills

setup() {
  common_setup
  skip_unless jq
  export HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  PATH=$HAL9_BIN:$PATH
  mkdir -p "$HAL9OPS_LOCK_DIR"
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
rollback:
  p:
    verify: {tries: 2, every: 100ms}
    parts:
      - command: schema
        state: [cat, $TEST_DIR/version]
        apply: "sh: echo 2 >$TEST_DIR/version"
        revert: "sh: if [ -p $TEST_DIR/at ]; then echo at >$TEST_DIR/at; read -r _ <$TEST_DIR/go; fi; echo 1 >$TEST_DIR/version"
YAML
  echo 1 >"$TEST_DIR/version"
  hal9-rollback snapshot good >/dev/null
  echo 2 >"$TEST_DIR/version"
}

nothing_is_open() {
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "$1: an operation is unfinished"
}

@test "killed at every line of the journal: resume, else the next run, reaches the snapshot; undo the state before" {
  total=$(lines_of hal9-rollback to good)
  [ "$total" -ge 5 ]
  for n in $(seq "$total"); do
    echo 2 >"$TEST_DIR/version"
    kill_at_line "$n" hal9-rollback to good
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    hal9-rollback to good >"$TEST_DIR/next.log" 2>&1 || fail "line $n: next run: $(cat "$TEST_DIR/next.log")"
    [ "$(cat "$TEST_DIR/version")" = 1 ] || fail "line $n: not as in the snapshot"
    nothing_is_open "line $n"
  done
}

@test "killed while the command runs: resume runs it again, and undo takes it back" {
  mkfifo "$TEST_DIR/at" "$TEST_DIR/go"
  exec {at}<>"$TEST_DIR/at" {go}<>"$TEST_DIR/go"
  hal9-rollback to good >"$TEST_DIR/to.log" 2>&1 3>&- 4>&- {at}>&- {go}>&- </dev/null &
  pid=$!
  read -r -t 30 -u "$at" _
  kill -KILL "$pid"
  wait "$pid" || true
  echo >&"$go"
  rm "$TEST_DIR/at"
  exec {at}>&- {go}>&-
  hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "$(cat "$TEST_DIR/resume.log")"
  [ "$(cat "$TEST_DIR/version")" = 1 ]
  id=$(hal9-rollback history -o json | jq -rs '[.[] | select(.kind == "operation")] | last | .id')
  hal9-rollback undo "$id" >"$TEST_DIR/undo.log" 2>&1 || fail "$(cat "$TEST_DIR/undo.log")"
  [ "$(cat "$TEST_DIR/version")" = 2 ]
  nothing_is_open undo
}
