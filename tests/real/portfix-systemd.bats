#!/usr/bin/env bats
# Holders of ports that systemd runs: stopped by their units, and started again by them.
# shellcheck disable=SC2154 # set by the helpers

load common
load portfix
load portfix-systemd

setup() {
  portfix_setup
  need_systemd_box
  mkfifo "$TEST_DIR/served"
  exec {served}<>"$TEST_DIR/served"
}

teardown() {
  box_stop
  common_teardown
}

# A service unit that runs layer9-server on $port: LINES of its [Service] and [Unit] sections.
layer9_unit() {
  unit layer9.service <<UNIT
[Unit]
DefaultDependencies=no
${2:-}
[Service]
ExecStart=$HAL9_FIXTURES/layer9-server --port $port --ready-file $TEST_DIR/served
Environment=HAL9_TEST_MARK=$HAL9_TEST_MARK HAL9_FIXTURE_LIFETIME=300
${1:-}
UNIT
}

# Waits until the unit's server listens; sets inner_pid, its pid in the box.
served() {
  IFS=' ' read -r -t 10 _ inner_pid <&"$served"
}

portfix() {
  in_box hal9-portfix "$@"
}

@test "a unit with Restart=always is stopped by systemd: no respawn; undo starts it again" {
  layer9_unit 'Restart=always
RestartSec=100ms'
  box_start
  in_box systemctl start layer9.service
  served
  run portfix --list "$port" -o text
  [ "$status" -eq 1 ]
  has "$output" "layer9-server, pid $inner_pid (unit layer9.service)"
  run portfix hal9-server -o text
  [ "$status" -eq 0 ]
  has "$output" "1/3 stop unit layer9.service"
  has "$output" "$port is free"
  [ "$(state_of layer9.service)" = inactive ]
  id=$(basename "$(find "$HAL9OPS_STATE_DIR/journal" -name '*.ndjson')" .ndjson)
  run in_box hal9-rollback undo "$id" -o text
  [ "$status" -eq 0 ]
  served
  [ "$(state_of layer9.service)" = active ]
}

@test "the watch lasts RestartSec and a second" {
  layer9_unit 'Restart=always
RestartSec=700ms'
  box_start
  in_box systemctl start layer9.service
  served
  portfix -n hal9-server >/dev/null || true
  portfix hal9-server >"$TEST_DIR/records"
  ms=$(jq -s '[.[] | select(.kind == "step" and .step_kind == "port.settle")][0].ms' "$TEST_DIR/records")
  [ "$ms" -ge 1700 ]
}

@test "a socket unit that would start it again is stopped first" {
  layer9_unit '' 'Requires=layer9.socket'
  printf '[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=%s\n' "$TEST_DIR/layer9.sock" | unit layer9.socket
  box_start
  in_box systemctl start layer9.socket layer9.service
  served
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 0 ]
  has "${lines[1]}" "stop unit layer9.socket"
  has "${lines[2]}" "stop unit layer9.service"
  [ "$(state_of layer9.socket)" = inactive ]
}

@test "what stops with the unit is told" {
  layer9_unit
  unit needs-layer9.service <<UNIT
[Unit]
DefaultDependencies=no
BindsTo=layer9.service
After=layer9.service
[Service]
ExecStart=/bin/sleep 300
UNIT
  box_start
  in_box systemctl start layer9.service needs-layer9.service
  served
  run portfix -n hal9-server -o text
  [ "$status" -eq 1 ]
  has "$output" "stop unit layer9.service (stops needs-layer9.service, too)"
}

@test "workers of a unit go with it" {
  layer9_unit "ExecStart=
ExecStart=$HAL9_FIXTURES/layer9-server --port $port --workers 2 --orphan-workers --ready-file $TEST_DIR/served"
  box_start
  in_box systemctl start layer9.service
  served
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 0 ]
  has "$output" "stop unit layer9.service"
  [ "$(answers "$port")" = "free " ]
}

@test "orphans that a stopped unit left behind are ended by signals" {
  layer9_unit "KillMode=process
ExecStart=
ExecStart=$HAL9_FIXTURES/layer9-server --port $port --workers 2 --orphan-workers --ready-file $TEST_DIR/served"
  box_start
  in_box systemctl start layer9.service
  served
  in_box systemctl stop layer9.service
  [ "$(state_of layer9.service)" = inactive ]
  [ "$(answers "$port")" = "other other " ]
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 0 ]
  has "$output" "stop layer9-server (pid "
  [ "$(answers "$port")" = "free " ]
}

@test "a unit that leaves workers behind: the first run says so, the second frees the port" {
  layer9_unit "KillMode=process
ExecStart=
ExecStart=$HAL9_FIXTURES/layer9-server --port $port --workers 2 --orphan-workers --ready-file $TEST_DIR/served"
  box_start
  in_box systemctl start layer9.service
  served
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 1 ]
  has "${lines[-1]}" "Next: hal9-portfix hal9-server"
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 0 ]
  [ "$(answers "$port")" = "free " ]
}

@test "conflicts may name the unit" {
  sed -i 's/conflicts: .*/conflicts: [stranger.service]/' "$HAL9OPS_CONFIG"
  unit stranger.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
ExecStart=$HAL9_FIXTURES/hold-port --port $port --ready-file $TEST_DIR/served
UNIT
  box_start
  in_box systemctl start stranger.service
  served
  run portfix hal9-server --settle 0 -o text
  [ "$status" -eq 0 ]
  [ "$(state_of stranger.service)" = inactive ]
}

@test "a stranger in a unit is refused like any other" {
  unit stranger.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
ExecStart=$HAL9_FIXTURES/hold-port --port $port --ready-file $TEST_DIR/served
UNIT
  box_start
  in_box systemctl start stranger.service
  served
  run portfix hal9-server -o text
  [ "$status" -eq 1 ]
  has "$output" "--force=holder"
  [ "$(state_of stranger.service)" = active ]
}

@test "a service of ours that systemd runs is the owner, its socket unit's port as well" {
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  hal9-server:
    port: $port
    run: {systemd: layer9.service}
YAML
  printf '[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=127.0.0.1:%s\n' "$port" | unit layer9.socket
  layer9_unit
  box_start
  in_box systemctl start layer9.socket
  run portfix "$port" -o text
  [ "$status" -eq 0 ]
  has "$output" "is its owner's"
  in_box systemctl stop layer9.socket
  in_box systemctl start layer9.service
  served
  run portfix "$port" -o text
  [ "$status" -eq 0 ]
  has "$output" "is its owner's: layer9-server, pid $inner_pid"
}
