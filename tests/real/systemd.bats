#!/usr/bin/env bats
# Units of a real systemd: stopped, started again by undo, known as supervisors; services in scopes.

# shellcheck disable=SC2154 # set by the helpers

load common

bats_require_minimum_version 1.5.0

box() {
  "$HAL9_SRC/tests/real/systemd-box.sh" "$@"
}

# The tools and their libraries, where the box sees them.
take_along() {
  local file library
  mkdir -p "$root/hal9/lib" "$root/hal9/fixtures"
  cp "$HAL9_FIXTURES"/{hal9-server,layer9-server,hold-port} "$root/hal9/fixtures/"
  for file in "$@"; do
    cp "$file" "$root/hal9/"
    ldd "$file" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do
      cp -n "$library" "$root/hal9/lib/"
    done
  done
}

# What is opened at its first use, which ldd doesn't tell of the tools.
take_library() {
  local file library
  file=$(ldconfig -p | sed -n "s/.*$1 .* => //p" | head -n 1)
  cp -L "$file" "$root/hal9/lib/$1"
  ldd "$file" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do
    cp -n "$library" "$root/hal9/lib/"
  done
}

# What is missing is said by each test: a skip in setup_file would fail them.
setup_file() {
  export missing='' box_pid='' root=''
  [ "$(id -u)" = 0 ] || missing=root
  command -v debootstrap >/dev/null || missing=debootstrap
  [ -n "$missing" ] || unshare --pid --mount --cgroup --fork true 2>/dev/null || missing=namespaces
  [ -n "$missing" ] || start_box
}

start_box() {
  local cached=${XDG_CACHE_HOME:-$HOME/.cache}/hal9ops-tests/systemd-root
  if ! timeout 200 "$HAL9_SRC/tests/real/systemd-box.sh" make "$cached"; then
    missing="a Debian mirror"
    return 0
  fi
  # A run of its own has a tree of its own: what it copies and systemd writes stays out of the cache.
  root=$(mktemp -d "${TMPDIR:-/tmp}/hal9ops-box.XXXXXX")
  cp -a "$cached/." "$root/"
  take_along "$HAL9_BIN/tests/unit/test-workload-unit" "$HAL9_BIN/hal9-restart" "$HAL9_BIN/hal9-rollback"
  take_library libarchive.so.13
  box_pid=$(box boot "$root") || missing="a host that lets systemd boot in namespaces"
}

setup() {
  [ -z "$missing" ] || skip "needs $missing"
}

teardown() { :; }

teardown_file() {
  [ -z "$box_pid" ] || box stop "$box_pid"
  [ -z "$root" ] || rm -rf "$root"
}

in_box() {
  box in "$box_pid" env LD_LIBRARY_PATH=/hal9/lib HAL9_FIXTURES=/hal9/fixtures "$@"
}

@test "units are stopped and started, holders known as theirs, services live in scopes" {
  run in_box /hal9/test-workload-unit
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output != *"needs systemd"* ]]
}

# unit NAME LINE… : a unit file in the box.
unit() {
  printf '%s\n' "${@:2}" >"$root/etc/systemd/system/$1"
}

restart() {
  in_box env HAL9OPS_CONFIG=/hal9/hal9.yaml /hal9/hal9-restart -o text "$@"
}

active_since() {
  in_box systemctl show -P ActiveEnterTimestampMonotonic "$1"
}

@test "hal9-restart: units that serve, that are done, that systemd holds the port for, that are not there" {
  port=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
  sock=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
  [ "$port" != "$sock" ]
  unit hal9-web.service '[Service]' "ExecStart=/hal9/fixtures/hal9-server --port $port"
  unit hal9-once.service '[Service]' Type=oneshot RemainAfterExit=yes ExecStart=/bin/true
  unit hal9-sock.socket '[Socket]' "ListenStream=127.0.0.1:$sock"
  unit hal9-sock.service '[Service]' 'ExecStart=/bin/sleep 1000'
  cat >"$root/hal9/hal9.yaml" <<YAML
hal9: 1
services:
  web: {port: $port, run: {systemd: hal9-web.service}, gate: {within: 10s}}
  once: {run: {systemd: hal9-once.service}}
  sock: {port: $sock, run: {systemd: hal9-sock.service}}
  gone: {run: {systemd: hal9-gone.service}}
YAML
  in_box systemctl daemon-reload
  run -0 restart web
  [[ $output == *"start unit hal9-web.service"*"web is healthy (pid "* ]]
  before=$(active_since hal9-web.service)
  run -0 restart web
  [[ $output == *"stop unit hal9-web.service"* ]]
  [ "$(active_since hal9-web.service)" -gt "$before" ]
  run -0 restart --if-down web
  [ "$output" = "web is healthy already; nothing done" ]
  run -4 restart once
  before=$(active_since hal9-once.service)
  run -4 restart once
  [[ $output == *"once is active (unit hal9-once.service)"* ]]
  [ "$(active_since hal9-once.service)" -gt "$before" ]
  in_box systemctl start hal9-sock.socket
  run restart --no-gate sock
  [ "$status" -eq 0 ]
  [[ $output != *"can be bound"* ]]
  run -1 restart gone
  [[ $output == *"gone: run.systemd: "*"hal9-gone.service"* ]]
  run -0 restart --no-gate web
  run -0 in_box /hal9/hal9-rollback undo "$(grep -o 'undo [a-z0-9]*' <<<"$output" | cut -d' ' -f2)"
  run -0 in_box systemctl is-active hal9-web.service
}

@test "hal9-restart: the same program in a unit of the system is not the service, its port is a stranger's" {
  port=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
  other=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
  [ "$port" != "$other" ]
  unit hal9-theirs.service '[Service]' "ExecStart=/hal9/fixtures/hal9-server --port $other"
  in_box systemctl daemon-reload
  in_box systemctl start hal9-theirs.service
  cat >"$root/hal9/hal9.yaml" <<YAML
hal9: 1
services:
  own: {port: $port, run: {exec: [/hal9/fixtures/hal9-server, --port, "$port"]}}
  blocked: {port: $other, run: {exec: [/hal9/fixtures/hal9-server, --port, "$other"]}}
YAML
  run -0 restart own
  [[ $output == *"own is not running"*"own is healthy (pid "* ]]
  run -0 restart own
  [[ $output == *"own is running (pid "* ]]
  run -0 in_box systemctl is-active hal9-own.scope
  run -1 restart blocked
  [[ $output == *"$other/tcp is held by hal9-server"* ]]
  run -0 in_box systemctl is-active hal9-theirs.service
  run -0 restart own
  run -0 in_box /hal9/hal9-rollback undo "$(grep -o 'undo [a-z0-9]*' <<<"$output" | cut -d' ' -f2)"
}

@test "hal9-restart: a unit's new release that falls goes back, in a unit and in a scope" {
  local name port
  for name in unit scope; do
    port=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
    mkdir -p "$root/hal9/$name/rel/1" "$root/hal9/$name/rel/2"
    cp "$HAL9_FIXTURES/hal9-server" "$root/hal9/$name/rel/1/web"
    printf '#!/bin/sh\nexit 3\n' >"$root/hal9/$name/rel/2/web"
    chmod +x "$root/hal9/$name/rel/2/web"
    ln -sfn rel/1 "$root/hal9/$name/current"
    unit hal9-rel.service '[Service]' "ExecStart=/hal9/unit/current/web --port $port"
    in_box systemctl daemon-reload
    run="{systemd: hal9-rel.service}"
    [ "$name" = unit ] || run="{exec: [/hal9/scope/current/web, --port, \"$port\"]}"
    cat >"$root/hal9/hal9.yaml" <<YAML
hal9: 1
services:
  rel-$name:
    port: $port
    run: $run
    gate: {within: 2s, interval: 100ms}
    release: {current: /hal9/$name/current}
YAML
    run -0 restart "rel-$name"
    ln -sfn rel/2 "$root/hal9/$name/current"
    run -1 restart "rel-$name"
    echo "$output"
    [[ $output == *"release rel/1 is back, and healthy (pid "* ]]
    [ "$(readlink "$root/hal9/$name/current")" = rel/1 ]
    run -0 restart --if-down "rel-$name"
    [ "$output" = "rel-$name is healthy already; nothing done" ]
  done
  run -0 in_box systemctl is-active hal9-rel.service
  run -0 in_box systemctl is-active hal9-rel-scope.scope
}

@test "hal9-rollback: a unit's release and whether it runs come back; its unit file is told; undo starts the new release again" {
  port=$(in_box /hal9/fixtures/hold-port --port 0 --probe)
  mkdir -p "$root/hal9/back/rel/1" "$root/hal9/back/rel/2"
  cp "$HAL9_FIXTURES/hal9-server" "$root/hal9/back/rel/1/web"
  cp "$HAL9_FIXTURES/hal9-server" "$root/hal9/back/rel/2/web"
  ln -sfn rel/1 "$root/hal9/back/current"
  unit hal9-back.service '[Service]' "ExecStart=/hal9/back/current/web --port $port"
  in_box systemctl daemon-reload
  cat >"$root/hal9/hal9.yaml" <<YAML
hal9: 1
services:
  back:
    port: $port
    run: {systemd: hal9-back.service}
    gate: {within: 10s, interval: 100ms}
    release: {current: /hal9/back/current}
    checks: [{tcp: "127.0.0.1:$port"}]
rollback:
  p: {parts: [{service: back}], health: back, verify: {tries: 3, every: 200ms}}
YAML
  rollback() {
    in_box env HAL9OPS_CONFIG=/hal9/hal9.yaml /hal9/hal9-rollback -o text "$@"
  }
  runs() {
    # shellcheck disable=SC2016 # the box's shell expands it
    [ "$(in_box sh -c 'readlink "/proc/$(systemctl show -P MainPID hal9-back.service)/exe"')" = "/hal9/back/rel/$1/web" ]
  }
  in_box systemctl start hal9-back.service
  run -0 rollback snapshot back-good
  ln -sfn rel/2 "$root/hal9/back/current"
  unit hal9-back.service '[Unit]' 'Description=new' '[Service]' "ExecStart=/hal9/back/current/web --port $port"
  in_box systemctl daemon-reload
  in_box systemctl restart hal9-back.service
  runs 2
  run -1 rollback diff back-good
  [[ $output == *"service back: release rel/1 -> rel/2"*"service back: program "*"service back: unit file's sha256 "* ]]
  run -0 rollback to back-good
  echo "$output"
  [[ $output == *"stop unit hal9-back.service"*"start unit hal9-back.service"* ]]
  runs 1
  run -0 rollback undo "$(grep -o 'undo [a-z0-9]*' <<<"$output" | cut -d' ' -f2)"
  runs 2
  in_box systemctl stop hal9-back.service
  run -0 rollback to back-good
  runs 1
  run -0 rollback to back-good
  [[ $output == *"nothing to do"* ]]
}

@test "hal9-restart bundle: the journal of the unit, oldest line first, without its secrets" {
  # shellcheck disable=SC2016
  unit talk.service '[Service]' 'Environment=DB_PASSWORD=swordfish-9' \
    'ExecStart=/bin/sh -c "echo first words; echo FATAL: db said no to $DB_PASSWORD; echo last words; exec sleep 1000"'
  in_box systemctl daemon-reload
  in_box systemctl start talk.service
  printf 'hal9: 1\nservices:\n  talk:\n    run: {systemd: talk}\n    checks: [{process: {unit: talk.service}}]\n' >"$root/hal9/hal9.yaml"
  in_box timeout 60 sh -c 'until journalctl -u talk.service | grep -q "last words"; do journalctl --sync; sleep 0.1; done'
  run -0 restart bundle talk
  [[ $output == *", 1 suspicious line"* ]]
  bundle=$root$(sed -n 's/.*logs: \(.*\.tar\.gz\),.*/\1/p' <<<"$output")
  journal=$(tar -xzOf "$bundle" --wildcards '*/logs/journal.txt')
  [[ $journal == *"first words"*"FATAL: db said no to ***"*"last words"* ]]
  [[ $(tar -xzOf "$bundle" --wildcards '*/index.txt') == "logs/journal.txt:"*"FATAL: db said no to ***" ]]
  run ! grep -rqa swordfish-9 <(tar -xzOf "$bundle")
}
