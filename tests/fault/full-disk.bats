#!/usr/bin/env bats
# A full or read-only state directory never stops a rescue.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load kills
load full-disk

setup() {
  common_setup
  skip_unless jq
  site
}

thief() {
  start_fixture layer9-server --port "$port"
  thief=$fixture_pid
}

fix() {
  in_ns hal9-portfix hal9-server --settle 50ms "$@"
}

last_operation() {
  in_ns hal9-rollback history -o json | jq -s -r "[.[] | select(.kind == \"operation\")][-1]${1:-.id}"
}

# The service was started once, so that the day's first act is not the one on the full disk.
prepared() {
  small_disk "$1"
  in_ns hal9-restart hal9-server
  in_ns hal9-rollback undo "$(last_operation)"
  [ "$(reserve_left)" -eq 16 ]
}

# The whole incident: the port is freed, the service is up, each is in the journal and can be taken back.
rescue() {
  thief
  in_ns bash -c 'hal9-health | hal9-portfix - --settle 50ms | hal9-restart - | hal9-health -' >"$TEST_DIR/out" 2>"$TEST_DIR/err" ||
    fail "exit $?: $(cat "$TEST_DIR/err" "$TEST_DIR/out")"
  is_gone "$thief"
  grep -q 'the reserve kept for this is used' "$TEST_DIR/err" || fail "not told: $(cat "$TEST_DIR/err")"
  [ "$(last_operation .state)" = "done" ]
}

# A process of the thief's program runs again, and the service does not.
taken_back() {
  in_ns hal9-rollback undo "$(last_operation .run)" >"$TEST_DIR/out" 2>&1 || fail "undo: $(cat "$TEST_DIR/out")"
  [ "$(copies layer9-server)" -eq 1 ]
  [ "$(copies hal9-server)" -eq 0 ]
}

for_each_disk() {
  local kind=$1
  prepared "$kind"
  fill_disk
  rescue
  [ "$(reserve_left)" -lt 16 ]
  taken_back
  # With room again the reserve is made whole by the next act.
  in_ns rm -r "$TEST_DIR/disk/fill"
  fix
  [ "$(reserve_left)" -eq 16 ]
}

@test "a full disk, tmpfs: the incident is put right and can be taken back; later the reserve is whole again" {
  for_each_disk tmpfs
}

@test "a full disk, ext4: the incident is put right and can be taken back; later the reserve is whole again" {
  for_each_disk ext4
}

@test "a full disk and a service that never ran: folder and log come out of the reserve, too" {
  small_disk ext4
  thief
  fix
  fill_disk
  in_ns hal9-restart hal9-server 2>"$TEST_DIR/err" || fail "$(cat "$TEST_DIR/err")"
  [ "$(copies hal9-server)" -eq 1 ]
  in_ns test -s "$HAL9OPS_STATE_DIR/services/hal9-server/process.json"
  in_ns test -f "$HAL9OPS_STATE_DIR/services/hal9-server/out.log"
}

@test "killed at every journal line on a full disk: resume reaches the end" {
  prepared tmpfs
  for n in 1 2 3 4 5 6 7 8; do
    [ ! -d "/proc/$holder/root$TEST_DIR/disk/fill" ] || in_ns rm -r "$TEST_DIR/disk/fill"
    in_ns hal9-rollback resume >/dev/null # fills the reserve up
    thief
    fill_disk
    kill_at_line "$n" nsenter -t "$holder" -m -- hal9-portfix hal9-server --settle 50ms || break
    in_ns hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    in_ns hal9-portfix --list "$port" >/dev/null || fail "line $n: the port is not free"
    is_gone "$thief"
  done
  [ "$n" -ge 6 ]
}

@test "a used-up reserve: nothing is touched, told with another place, where the rescue goes on" {
  prepared tmpfs
  fill_disk
  in_ns rm -r "$HAL9OPS_STATE_DIR/reserve"
  in_ns dd if=/dev/zero of="$TEST_DIR/disk/fill/again" bs=64k status=none 2>/dev/null || true
  fill_disk
  thief
  run fix
  [ "$status" -eq 4 ]
  [[ $output == *"No space left on device"* && $output == *"--state-dir /run/hal9ops"* ]]
  is_alive "$thief"
  in_ns hal9-health hal9-server >/dev/null && fail "healthy?"
  fix --state-dir "$TEST_DIR/elsewhere"
  is_gone "$thief"
}

@test "a state directory that can only be read: looking works, acting is told another place, where the rescue goes on" {
  prepared tmpfs
  in_ns mount -o remount,ro "$TEST_DIR/disk"
  thief
  fix --list >"$TEST_DIR/list" || true
  grep -q '"kind":"holder"' "$TEST_DIR/list" || fail "$(cat "$TEST_DIR/list")"
  fix -n >/dev/null && fail "-n holds"
  in_ns hal9-rollback history >/dev/null
  in_ns hal9-rollback status >/dev/null
  for command in "hal9-portfix hal9-server" "hal9-rollback undo $(last_operation)"; do
    # shellcheck disable=SC2086 # words
    run in_ns $command
    [ "$status" -eq 4 ] || fail "$command: exit $status: $output"
    [[ $output == *"Read-only file system"* && $output == *"--state-dir /run/hal9ops"* ]] || fail "$command: $output"
  done
  is_alive "$thief"
  fix --state-dir "$TEST_DIR/elsewhere"
  is_gone "$thief"
}

@test "a state directory that this user may not write: told, with another place" {
  need_root
  thief
  mkdir "$HAL9OPS_STATE_DIR"
  chmod 0644 "$HAL9OPS_CONFIG"
  run as_user 12345 env "PATH=$PATH" HAL9OPS_CONFIG="$HAL9OPS_CONFIG" HAL9OPS_STATE_DIR="$HAL9OPS_STATE_DIR" hal9-rollback resume
  [[ $output == *"Permission denied"* && $output == *"--state-dir /tmp/hal9ops-state-12345"* ]] || fail "$output"
  [ "$status" -eq 4 ]
}
