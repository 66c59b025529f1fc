# What the tests of the fixtures share.
# shellcheck shell=bash disable=SC2154 # what common.bash sets

bats_require_minimum_version 1.5.0

health() {
  curl -sS --max-time 10 "$@" "http://127.0.0.1:$fixture_port/health"
}

status_of() {
  curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "$@"
}

# raw TEXT: sends bytes as they are, prints what comes until the server closes.
raw() {
  local socket
  exec {socket}<>"/dev/tcp/127.0.0.1/$fixture_port"
  # shellcheck disable=SC2059 # the text is the format, for its \r\n
  printf "$1" >&"$socket"
  timeout 10 cat <&"$socket"
  exec {socket}<&-
}

# Nobody listens on 127.0.0.1, fixture_port.
refused() {
  run -7 curl -sS --max-time 10 "http://127.0.0.1:$fixture_port/health"
}

# Sends a datagram, prints the answer. (bash's read takes a byte at a time, which cuts datagrams off.)
datagram() {
  local socket
  exec {socket}<>"/dev/udp/127.0.0.1/$fixture_port"
  echo ping >&"$socket"
  timeout 10 dd bs=1024 count=1 status=none <&"$socket"
  exec {socket}<&-
}

has() {
  [[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}

children_of() {
  ps -o pid= --ppid "$1" | tr -d ' '
}

# socket_of PID: the inode of its first socket.
socket_of() {
  find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | sort | head -n 1
}

now_ms() {
  local now=$EPOCHREALTIME
  echo "$((${now/./} / 1000))"
}
