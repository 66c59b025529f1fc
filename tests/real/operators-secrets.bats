#!/usr/bin/env bats
# A shared state directory, and a service whose arguments are secret: they lie in a blob that is one user's alone, and the other operator is
# told so, in words, with what to do; nothing is touched.
# shellcheck disable=SC2154 # set by the helpers

bats_require_minimum_version 1.5.0
load common
load incident
load ../fault/kills

setup() {
  common_setup
  need_root
  skip_unless jq
  site
  unset HAL9OPS_STATE_DIR
  sed -i "s|      env: {|&DATABASE_URL: "postgres://u:hush@db/x", |" "$HAL9OPS_CONFIG"
  printf 'state: %s\n' "$TEST_DIR/shared" >>"$HAL9OPS_CONFIG"
  install -d -m 2770 -g 23456 "$TEST_DIR/shared"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  chmod -R a+rX "$TEST_DIR/bin" "$HAL9OPS_CONFIG"
}

# Commands of theirs, as words: what is killed is the tool itself.
operator() { # UID
  echo "setpriv --reuid $1 --regid 23456 --clear-groups --inh-caps=-all --bounding-set=-all --"
}

newest() {
  $(operator 12345) hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id'
}

# by_second STATUS WORDS COMMAND…: so it exits, and so it says; and no server was touched.
by_second() {
  local want=$1 words=$2
  shift 2
  # shellcheck disable=SC2046 # words
  run $(operator 12346) "$@" -o text
  [ "$status" -eq "$want" ] || fail "$*: exit $status: $output"
  [[ $output == *"$words"* ]] || fail "$*: no '$words' in: $output"
  [ "$(copies hal9-server)" -eq "$running" ]
}

@test "what the first operator left unfinished: the second one sees it and is told whose it is; the first one goes on" {
  # shellcheck disable=SC2046 # words
  kill_at_line 4 $(operator 12345) hal9-restart hal9-server || fail "$(cat "$TEST_DIR/killed.log")"
  id=$(newest) running=0
  by_second 3 "hal9-rollback resume" hal9-rollback status
  by_second 0 "start hal9-server" hal9-rollback show "$id"
  [[ $output == *"is secret, and for user 12345 alone"* ]]
  for words in resume "undo $id" "abort $id"; do
    # shellcheck disable=SC2086 # words
    by_second 4 "have user 12345 or root do it" hal9-rollback $words
  done
  by_second 1 "have its user run hal9-rollback resume or abort; --force=foreign goes on without" hal9-restart hal9-server
  # shellcheck disable=SC2046 # words
  run $(operator 12345) hal9-rollback resume -o text
  [ "$status" -eq 0 ] || fail "$output"
  [ "$(copies hal9-server)" -eq 1 ]
}

@test "the second operator goes on without, when forced; the first one can still end what is his" {
  # shellcheck disable=SC2046 # words
  kill_at_line 4 $(operator 12345) hal9-restart hal9-server || fail "$(cat "$TEST_DIR/killed.log")"
  running=1
  by_second 0 "is healthy" hal9-restart hal9-server --force=foreign
  # shellcheck disable=SC2046 # words
  run $(operator 12345) hal9-rollback abort -o text
  [ "$status" -eq 0 ] || fail "$output"
  by_second 0 "nothing is unfinished" hal9-rollback status
}

@test "undo of another's operation: told before anything is stopped" {
  # shellcheck disable=SC2046 # words
  $(operator 12345) hal9-restart hal9-server
  running=1
  by_second 4 "have user 12345 or root do it" hal9-rollback undo "$(newest)"
  by_second 0 "" hal9-rollback status
}
