# A systemd of a test's own: the host's, as PID 1 of new namespaces, with no units but those that the test writes. The files are the
# host's, so tools and fixtures run in it as they are; the network is the host's, too, so that ports are seen on both sides.
# shellcheck shell=bash disable=SC2154 # set by common.bash

systemd_program=/lib/systemd/systemd
box_pid='' # none yet; each test has a process of its own

need_systemd_box() {
  need_namespaces
  [ -x "$systemd_program" ] || skip "needs systemd"
  skip_unless systemctl systemd
  skip_unless nsenter util-linux
}

# Where the host has its cgroup2 tree; hybrid hosts have it in a corner.
box_cgroups() {
  local dir=/sys/fs/cgroup
  [ ! -d "$dir/unified" ] || dir=$dir/unified
  [ -e "$dir/cgroup.procs" ] || skip "needs cgroup2"
  echo "$dir"
}

# unit NAME: writes a unit of the box from stdin. Before box_start, or followed by `in_box systemctl daemon-reload`.
unit() {
  mkdir -p "$TEST_DIR/units"
  cat >"$TEST_DIR/units/$1"
}

# box_start: boots it. Sets box_pid.
box_start() {
  local name outer
  box_cgroup=$(box_cgroups)/hal9-test.$$
  mkdir "$box_cgroup"
  unit box.target <<<''
  for name in sysinit basic sockets timers paths slices shutdown umount; do
    printf '[Unit]\nDefaultDependencies=no\n' | unit "$name.target"
  done
  mkfifo "$TEST_DIR/box.up"
  # The last thing that the box' target wants tells that it is up.
  unit up.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo up >"$TEST_DIR/box.up"'
UNIT
  printf '[Unit]\nWants=up.service\nAfter=up.service\n' | unit box.target
  # shellcheck disable=SC2016 # the inner shell's own
  start_in_background "$TEST_DIR/box.log" bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$box_cgroup" \
    unshare --pid --fork --kill-child --mount --uts --ipc --cgroup bash -c '
      set -e
      mount --make-rprivate /
      mount -t proc proc /proc
      mount --bind /proc/sys /proc/sys
      mount -o remount,bind,ro /proc/sys
      umount -R -l /sys/fs/cgroup
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
      mount -t tmpfs tmpfs /run
      mkdir /run/lock
      exec env -i container=hal9box PATH=/usr/sbin:/usr/bin:/sbin:/bin HAL9_TEST_MARK="$HAL9_TEST_MARK" \
        SYSTEMD_UNIT_PATH="$TEST_DIR/units" SYSTEMD_GENERATOR_PATH=/nowhere SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere \
        "$1" --system --unit=box.target --show-status=no --log-target=console' - "$systemd_program"
  outer=$background_pid
  timeout 20 cat "$TEST_DIR/box.up" >/dev/null || fail "systemd did not come up: $(tail -n 20 "$TEST_DIR/box.log")"
  box_pid=$(ps -o pid= --ppid "$outer" | tr -d ' ')
}

# in_box COMMAND…: runs it there.
in_box() {
  nsenter -t "$box_pid" --mount --uts --ipc --pid --cgroup -- "$@"
}

# Ends it with all that runs in it.
box_stop() {
  [ -n "${box_pid:-}" ] || return 0
  kill -KILL "$box_pid" 2>/dev/null || true
  "$HAL9_FIXTURES/wait-pid" "$box_pid" >/dev/null || true
  # Groups of processes that are just being reaped stay for a moment.
  for _ in {1..50}; do
    find "$box_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$box_cgroup" ] || return 0
    read -r -t 0.05 <> <(:) || true
  done
  fail "left behind: $box_cgroup"
}

# The state of a unit: active, inactive, failed...
state_of() {
  in_box systemctl show -P ActiveState "$1"
}
