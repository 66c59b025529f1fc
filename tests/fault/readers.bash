# Readers that don't read, and descriptors that aren't there.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# open_stalled: sets stalled to a descriptor of a pipe that is full, and whose reader reads nothing.
open_stalled() {
  mkfifo "$TEST_DIR/stalled"
  exec {stalled}<>"$TEST_DIR/stalled"
  dd if=/dev/zero of="$TEST_DIR/stalled" bs=4096 count=1024 oflag=nonblock status=none 2>/dev/null || true
}

# drain_stalled: its reader reads from now on.
drain_stalled() {
  start_in_background /dev/null cat "$TEST_DIR/stalled"
}

# blocked PID: waits until it waits in poll or write, which for a tool that does nothing else is for its reader.
blocked() {
  local call
  for _ in {1..100}; do
    read -r call _ <"/proc/$1/syscall" 2>/dev/null || return 1
    # The numbers of write and poll, of ppoll and write on the other machines; a bash that has not exec'd yet waits in neither.
    case $call:$(cat "/proc/$1/comm") in 1:hal9-*|7:hal9-*|271:hal9-*|64:hal9-*|73:hal9-*) return 0 ;; esac
    read -r -t 0.05 <> <(:) || true
  done
  fail "pid $1 does not wait for its reader: $(cat "/proc/$1/syscall")"
}

# run_closed DIGITS COMMAND… : runs it with these of its descriptors 0, 1, 2 closed; sets status.
run_closed() {
  local closed=$1
  shift
  status=0
  (
    exec </dev/null >"$TEST_DIR/closed.out" 2>"$TEST_DIR/closed.err"
    case $closed in *0*) exec <&- ;; esac
    case $closed in *1*) exec >&- ;; esac
    case $closed in *2*) exec 2>&- ;; esac
    exec "$@"
  ) || status=$?
}
