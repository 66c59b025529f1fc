#!/usr/bin/env bash
# A real systemd as PID 1 of namespaces of its own, on a machine whose PID 1 may be something else.
#   systemd-box.sh make ROOT     debootstraps Debian 12 with systemd into ROOT, unless it is there (40 s, 255 MB)
#   systemd-box.sh boot ROOT     boots it; prints systemd's pid as seen from outside
#   systemd-box.sh in PID CMD…   runs CMD inside
#   systemd-box.sh stop PID      powers it off
# The network stays the host's, so ports and sockets are visible on both sides; the cgroups are below hal9box.* of the host's
# cgroup v2 tree. What the host has in ROOT is seen inside. Needs root, debootstrap, util-linux.
set -euo pipefail

make_root() { # complete or not there at all: a broken-off one is made again
  [ ! -e "$1/.complete" ] || return 0
  rm -rf "$1"
  mkdir -p "${1%/*}"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,procps bookworm "$1" >&2
  touch "$1/.complete"
}

# Inside the new namespaces, as PID 1: makes ROOT the root and becomes systemd.
become_systemd() {
  local root=$1
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind /dev "$root/dev"
  hostname hal9box
  cd "$root"
  pivot_root . mnt
  umount -l /mnt
  exec env -i container=hal9box /lib/systemd/systemd --show-status=no systemd.unit=multi-user.target </dev/null >/run/boot.log 2>&1
}

cgroup_mount() {
  local at=/sys/fs/cgroup
  [ ! -d "$at/unified" ] || at=$at/unified
  echo "$at"
}

# The systemd among the processes of the box.
systemd_pid() {
  local pid
  cat "$1/init.scope/cgroup.procs" "$1/cgroup.procs" 2>/dev/null | while read -r pid; do
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ]; then echo "$pid"; fi
  done | head -n 1
}

# Those of a box that has ended; the kernel takes a moment to let go.
remove_cgroups() {
  for _ in {1..50}; do
    find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    [ -d "$1" ] || return 0
    sleep 0.1
  done
}

boot() {
  local root box pid
  root=$(readlink -f "$1")
  box=$(cgroup_mount)/hal9box.$$
  mkdir -p "$box"
  (
    echo "$BASHPID" >"$box/cgroup.procs"
    exec unshare --pid --fork --kill-child --mount --uts --ipc --cgroup "$0" become "$root"
  ) >/dev/null 2>&1 3>&- 4>&- &
  for _ in {1..300}; do
    sleep 0.2 # systemd has no descriptor to wait for from outside
    pid=$(systemd_pid "$box")
    if [ -n "$pid" ] && nsenter -t "$pid" -a systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
      echo "$pid"
      return 0
    fi
  done
  echo "systemd did not come up within a minute" >&2
  kill -KILL $!
  remove_cgroups "$box"
  return 1
}

stop() {
  local box
  box=$(cgroup_mount)/$(sed -n 's,^0::/\(hal9box\.[0-9]*\).*,\1,p' "/proc/$1/cgroup")
  kill -s RTMIN+4 "$1" 2>/dev/null || true # poweroff.target
  timeout 20 tail -s 0.1 --pid="$1" -f /dev/null || kill -KILL "$1" 2>/dev/null || true
  timeout 10 tail -s 0.1 --pid="$1" -f /dev/null || true
  case $box in
    */hal9box.*) remove_cgroups "$box" ;;
  esac
}

case ${1:-} in
  make) make_root "$2" ;;
  boot) boot "$2" ;;
  become) become_systemd "$2" ;;
  in)
    pid=$2
    shift 2
    exec nsenter -t "$pid" -a "$@"
    ;;
  stop) stop "$2" ;;
  *)
    sed -n 2,8p "$0"
    exit 2
    ;;
esac
