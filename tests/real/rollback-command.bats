#!/usr/bin/env bats
# Command parts of a rollback: what only commands of the site's own can tell and change.
# shellcheck disable=SC2154 # set by the helpers

load common

setup() {
  common_setup
  skip_unless jq
  export HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  PATH=$HAL9_BIN:$PATH
  mkdir -p "$HAL9OPS_LOCK_DIR" "$TEST_DIR/db"
  cd "$TEST_DIR/db" || return
  # A migration tool: goes to the version that it is told, one at a time, and tells each step.
  cat >migrate <<'SH'
#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$1 $HAL9OPS_STATE" >>ran
case $1 in
up) echo 2 >version ;;
down) echo 1 >version ;;
to) echo "$HAL9OPS_STATE" >version ;;
bad) echo "lock wait timeout exceeded" >&2; exit 7 ;;
lie) : ;;
hang) sleep 300 & echo $! >child; wait ;;
esac
SH
  chmod +x migrate
  echo 1 >version
}

# plan PART…: a plan of these command parts.
plan() {
  {
    printf 'hal9: 1\nrollback:\n  p:\n    verify: {tries: 2, every: 100ms}\n    parts:\n'
    printf '      - %s\n' "$@"
  } >"$HAL9OPS_CONFIG"
}

schema() { # MORE
  plan "{command: schema, state: [cat, $TEST_DIR/db/version], apply: [$TEST_DIR/db/migrate, up], revert: [$TEST_DIR/db/migrate, ${1:-down}]${2:-}}"
}

rb() {
  run hal9-rollback "$@" -o text
  echo "$output"
}

ran() {
  if [ -e ran ]; then wc -l <ran; else echo 0; fi
}

@test "a schema goes back to what it was, once; undo and its undo go there and back" {
  schema
  rb snapshot good
  [ "$status" -eq 0 ]
  rb to good
  [ "${lines[-1]}" = "all is as in snapshot good; nothing to do" ]
  echo 2 >version
  rb diff good
  [ "$status" -eq 1 ]
  [[ $output == *'command schema: "1" -> "2"'* ]]
  rb to good -n
  [ "$status" -eq 1 ]
  [[ $output == *"take back schema"* ]]
  [ "$(ran)" -eq 0 ]
  rb to good
  [ "$status" -eq 0 ]
  [ "$(cat version)" = 1 ]
  [ "$(cat ran)" = "down 1" ]
  id=${lines[-1]##* }
  rb to good
  [ "${lines[-1]}" = "all is as in snapshot good; nothing to do" ]
  rb undo "$id" -n
  [ "$(ran)" -eq 1 ]
  rb undo "$id"
  [ "$status" -eq 0 ]
  [ "$(cat version)" = 2 ]
  rb undo "${lines[-1]##* }"
  [ "$(cat version)" = 1 ]
  rb show good
  [[ $output == *"command:schema: 1"* ]]
}

@test "by verify alone: apply where it was so, revert where it wasn't; a shell only where sh: says so" {
  plan "{command: mark, apply: 'sh: cd $TEST_DIR/db && echo > mark && echo apply >> ran', verify: [test, -e, $TEST_DIR/db/mark], revert: 'sh: cd $TEST_DIR/db; rm mark; echo revert >>ran'}"
  rb snapshot without
  echo >mark
  rb snapshot with
  rb diff without
  [[ $output == *"command mark: not so -> so"* ]]
  rb to without
  [ "$status" -eq 0 ]
  [ ! -e mark ]
  rb to with
  [ "$status" -eq 0 ]
  [ -e mark ]
  [ "$(cat ran)" = $'revert\napply' ]
  # argv is no shell's: what looks like a redirection is an argument
  plan "{command: mark, apply: [echo, x, '>$TEST_DIR/db/shelled'], verify: 'false'}"
  rb snapshot plain
  [ ! -e shelled ]
}

@test "one command that goes to any state is its own way back; the text of several lines is told as a diff" {
  plan "{command: schema, state: [cat, $TEST_DIR/db/version], apply: [$TEST_DIR/db/migrate, to]}"
  printf 'a\nb\n' >version
  rb snapshot good
  printf 'a\nc\n' >version
  rb diff good
  [[ $output == *$'\n-b\n+c'* ]]
  rb to good
  [ "$status" -eq 0 ]
  [ "$(cat version)" = $'a\nb' ]
  rb undo "${lines[-1]##* }"
  [ "$status" -eq 0 ]
  [ "$(cat version)" = $'a\nc' ]
}

@test "one that fails, or says that it did what it didn't, is told: exit 3, and nothing after it is begun" {
  schema bad
  rb snapshot good
  echo 2 >version
  rb to good
  [ "$status" -eq 3 ]
  [[ $output == *"lock wait timeout exceeded"* ]]
  [ "$(cat version)" = 2 ]
  schema lie
  rb to good
  [ "$status" -eq 3 ]
  [[ $output == *"its state is '2', not '1'"* ]]
}

@test "one that hangs is ended in time with all that it started" {
  schema hang ", timeout: 1s"
  rb snapshot good
  echo 2 >version
  rb to good
  [ "$status" -eq 3 ]
  [[ $output == *"deadline"* ]]
  "$HAL9_FIXTURES/wait-pid" "$(cat child)" >/dev/null
  # and one that hangs while it is read: nothing is begun, nothing kept
  plan "{command: schema, state: 'sh: sleep 300 & echo \$! >$TEST_DIR/db/child; wait', apply: 'true', timeout: 300ms}"
  rb snapshot late
  [ "$status" -eq 4 ]
  "$HAL9_FIXTURES/wait-pid" "$(cat child)" >/dev/null
  rb to good
  [ "$status" -eq 4 ]
  [[ $output == *"nothing was begun"* ]]
}

@test "a program that is missing, or may not be run, is told with its place before anything is touched" {
  schema
  rb snapshot good
  echo 2 >version
  plan "{files: $TEST_DIR/db/version}" "{command: schema, state: [cat, $TEST_DIR/db/version], apply: [x], revert: [$TEST_DIR/db/gone]}"
  rb to good
  [ "$status" -eq 2 ]
  [[ $output == *"hal9.yaml:7:"*"command schema: apply $TEST_DIR/db/gone does not exist"* ]]
  echo x >not-executable
  schema
  chmod -x migrate
  rb to good
  [ "$status" -eq 2 ]
  [[ $output == *"hal9.yaml:6:"*"is not executable"* ]]
  [ "$(ran)" -eq 0 ]
  plan "{command: schema, state: [$TEST_DIR/db/gone], apply: [x]}"
  rb snapshot other
  [ "$status" -ne 0 ]
  [[ $output == *"hal9.yaml:6:"*"command schema: state $TEST_DIR/db/gone does not exist"* ]]
}

@test "what can't be right is refused where it is written" {
  plan "{command: schema, apply: [x]}"
  rb snapshot
  [ "$status" -eq 2 ]
  [[ $output == *"hal9.yaml:6:"*"a command part wants verify or state"* ]]
  plan "{command: schema, verify: [x]}"
  rb snapshot
  [[ $output == *"a command part wants apply"* ]]
  plan "{files: /x, apply: [x]}"
  rb snapshot
  [[ $output == *"apply belongs to a command part"* ]]
  plan "{command: schema, apply: [x], verify: [y]}" "{command: schema, apply: [z], verify: [y]}"
  rb snapshot
  [ "$status" -eq 2 ]
  [[ $output == *"hal9.yaml:7:"*"there are two commands 'schema'"* ]]
}

@test "without a revert nothing is begun; with other means than the snapshot's the two can't be compared" {
  plan "{command: mark, apply: [touch, $TEST_DIR/db/mark], verify: [test, -e, $TEST_DIR/db/mark]}"
  rb snapshot without
  echo >mark
  rb to without
  [ "$status" -eq 1 ]
  [[ $output == *"it has no revert"* ]]
  [ -e mark ]
  plan "{command: mark, apply: [touch, $TEST_DIR/db/mark], state: [echo, x]}"
  rb to without
  [ "$status" -eq 1 ]
  [[ $output == *"can't be compared"* ]]
}

@test "what is printed is kept without its secrets, and only so much of it" {
  plan "{command: dump, state: [echo, 'password=hunter2-is-long-enough'], apply: 'true'}"
  rb snapshot good
  [ "$status" -eq 0 ]
  run grep -r hunter2 "$HAL9OPS_STATE_DIR"
  [ "$status" -eq 1 ]
  plan "{command: dump, state: 'sh: head -c 100000 /dev/zero | tr \"\\0\" x', apply: 'true'}"
  rb snapshot large
  [ "$status" -eq 4 ]
  [[ $output == *"prints more than 65536 bytes"* ]]
}
