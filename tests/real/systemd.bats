#!/usr/bin/env bats
# Units of a real systemd: stopped, started again by undo, known as supervisors; services in scopes.

# shellcheck disable=SC2154 # set by the helpers

load common

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
  take_along "$HAL9_BIN/tests/unit/test-workload-unit"
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
