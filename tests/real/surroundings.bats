#!/usr/bin/env bats
# What a tool may find around it: no HOME, an odd umask, few descriptors, a clock that was set back, state of another format.
# shellcheck disable=SC2154 # set by the helpers

load common
load incident
load ../fault/kills

setup() {
  common_setup
  skip_unless jq
  site
}

newest() {
  hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id'
}

# A user without an entry, a home or a state directory.
as_nobody() {
  chmod 0644 "$HAL9OPS_CONFIG"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  as_user 3999999 env -u HOME -u XDG_STATE_HOME -u HAL9OPS_STATE_DIR "$@"
}

@test "without HOME and without an entry: looking works, acting is told what to name, exit 2" {
  need_root
  run as_nobody hal9-rollback history -o text
  [ "$status" -eq 0 ]
  [[ $output == *"nothing was done yet"* ]]
  run as_nobody hal9-rollback status
  [ "$status" -eq 0 ]
  run as_nobody hal9-portfix --list "$port"
  [ "$status" -eq 0 ]
  run as_nobody hal9-health hal9-server
  [ "$status" -eq 1 ]
  run as_nobody hal9-restart -n hal9-server
  [ "$status" -eq 1 ]
  run as_nobody hal9-restart hal9-server
  [ "$status" -eq 2 ]
  [[ $output == *"HOME is not set"*"--state-dir DIR"* ]]
}

@test "root without HOME has the host's state directory" {
  need_root
  need_namespaces
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount -- bash -c '
    mount -t tmpfs tmpfs /var/lib && env -u HOME -u HAL9OPS_STATE_DIR hal9-restart hal9-server >/dev/null 2>&1 &&
    [ -d /var/lib/hal9ops/journal ] && env -u HOME -u HAL9OPS_STATE_DIR hal9-rollback history -o text' | grep -q ' start hal9-server'
}

@test "umask 777: what is made can be used, by root and by others, and the service has the caller's umask" {
  ( umask 777 && hal9-restart hal9-server )
  hal9-rollback history >/dev/null
  ( umask 777 && hal9-rollback undo "$(newest)" )
  [ "$(copies hal9-server)" -eq 0 ]
  [ "$(id -u)" = 0 ] || skip "the rest needs root"
  chmod 0644 "$HAL9OPS_CONFIG"
  chmod -R a+rX "$TEST_DIR/bin"
  mkdir -m 1777 "$TEST_DIR/theirs"
  rm -rf "$HAL9OPS_LOCK_DIR"
  export HAL9OPS_LOCK_DIR=$TEST_DIR/theirs/locks HAL9OPS_STATE_DIR=$TEST_DIR/theirs/state
  for command in "restart hal9-server" "restart hal9-server" "rollback undo -y" "rollback status"; do
    words=${command/-y/$(as_user 12345 hal9-rollback history --last 1 -o json 2>/dev/null | jq -r 'select(.kind == "operation").id')}
    # shellcheck disable=SC2016,SC2086 # the inner shell expands it; words
    run as_user 12345 bash -c 'umask 777 && exec hal9-"$@"' bash $words
    [ "$status" -eq 0 ] || fail "$words: exit $status: $output"
  done
}

@test "64 descriptors are enough for each tool" {
  hal9-restart hal9-server
  run bash -c "ulimit -S -n 64 && hal9-health hal9-server && hal9-rollback undo '$(newest)'"
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  [ "$(copies hal9-server)" -eq 0 ]
  start_fixture layer9-server --port "$port"
  run bash -c "ulimit -S -n 64 && hal9-portfix hal9-server --settle 50ms && hal9-rollback undo \$(hal9-rollback history --last 1 -o json | jq -r 'select(.kind == \"operation\").id')"
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  [ "$(copies layer9-server)" -eq 1 ]
}

@test "a clock that was set back: ids and history keep the order, undo sees what came later, locks work" {
  hal9-restart hal9-server
  first=$(newest)
  HAL9OPS_NOW=2020-01-01T00:00:00Z hal9-restart hal9-server
  second=$(newest)
  [[ $second > $first ]]
  [ "$(HAL9OPS_NOW=2019-01-01T00:00:00Z hal9-rollback history -o json | jq -r 'select(.kind == "operation").id' | tail -n 1)" = "$second" ]
  run env HAL9OPS_NOW=2019-01-01T00:00:00Z hal9-rollback undo "$first" -o text
  [ "$status" -eq 1 ]
  [[ $output == *"operation $second"* ]]
  HAL9OPS_NOW=2018-01-01T00:00:00Z hal9-rollback undo "$second"
  [[ $(newest) > $second ]]
  HAL9OPS_NOW=2018-01-01T00:00:00Z hal9-rollback undo "$first"
  [ "$(copies hal9-server)" -eq 0 ]
}

@test "a newer format of the directory or of a journal is refused, exit 2; an older open operation goes on" {
  kill_at_line 3 hal9-restart hal9-server
  id=$(newest)
  cp "$HAL9OPS_STATE_DIR/format" "$TEST_DIR/format"
  echo 99 >"$HAL9OPS_STATE_DIR/format"
  for command in "hal9-restart hal9-server" "hal9-rollback history" "hal9-rollback resume" "hal9-portfix hal9-server"; do
    # shellcheck disable=SC2086 # words
    run $command
    [ "$status" -eq 2 ] || fail "$command: exit $status: $output"
    [[ $output == *"has format 99"* ]]
  done
  cp "$TEST_DIR/format" "$HAL9OPS_STATE_DIR/format"
  hal9-rollback resume "$id"
  [ "$(copies hal9-server)" -eq 1 ]
}
