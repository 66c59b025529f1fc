#!/usr/bin/env bash
# Installs what the build needs, builds into build/, and plays the 3am incident on this machine: a thief on the port, a dead
# service behind it, and the pipe that puts it right. Loopback and a temporary directory only; nothing is left running.
set -euo pipefail
export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin} HOME=${HOME:-/root} LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
started=$SECONDS

missing() { # the packages of a list that are not installed
  local p
  while read -r p; do
    case $p in '' | '#'*) continue ;; esac
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || echo "$p"
  done <"$1"
}

install_packages() {
  local want
  command -v dpkg-query >/dev/null || {
    echo "This is no Debian: the build needs what these packages hold: $(grep -v '^#' .ci/packages.build | xargs)"
    return 0
  }
  mapfile -t want < <(missing .ci/packages.build)
  [ "${#want[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "Missing, and only root can install it: apt-get install ${want[*]}"
    exit 1
  fi
  echo "Installing ${want[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${want[@]}" >/dev/null
}

build() {
  mkdir -p build
  [ -f build/build.ninja ] || cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >build/quickstart.log 2>&1 ||
    { cat build/quickstart.log; exit 1; }
  cmake --build build --target hal9-health hal9-portfix hal9-restart hal9-rollback fixture-hal9-server fixture-layer9-server >build/quickstart.log 2>&1 ||
    { cat build/quickstart.log; exit 1; }
}

show() { # a command and its output, as at a terminal
  printf '\n\033[1m$ %s\033[0m\n' "$1" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
  code=0
  bash -c "$1" || code=$?
  [ "$code" -eq 0 ] || echo "(exit $code)"
}

pids=()
service_pid() { sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$dir/state/services/hal9-server/process.json" 2>/dev/null || true; }
clean_up() {
  local p
  for p in "${pids[@]}" $(service_pid); do kill -TERM "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  for p in $(service_pid); do timeout 10 tail -s 0.05 --pid="$p" -f /dev/null || true; done
  rm -rf "$dir"
}

install_packages
build
echo "Built in $((SECONDS - started)) s: build/hal9-health, hal9-portfix, hal9-restart, hal9-rollback."

dir=$(mktemp -d "${TMPDIR:-/tmp}/hal9-quickstart.XXXXXX")
trap clean_up EXIT
export PATH=$top/build:$PATH HAL9OPS_CONFIG=$dir/hal9.yaml HAL9OPS_STATE_DIR=$dir/state
fixtures=$top/build/tests/fixtures

# Port 8080 where it is free, as in the story; another one where it is not.
port=8080
env -u HAL9OPS_CONFIG hal9-portfix --list "$port" >/dev/null || port=0
mkfifo "$dir/ready"
"$fixtures/layer9-server" --port "$port" --ready-file "$dir/ready" >"$dir/layer9.log" 2>&1 &
pids+=($!)
read -r port _ <"$dir/ready"

cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  hal9-server:
    port: $port
    run: {exec: [$fixtures/hal9-server, --port, "$port"]}
    stop: {grace: 5s}
    gate: {within: 20s}
    conflicts: [layer9-server]
    checks:
      - http: http://127.0.0.1:$port/health
        expect: {status: 200, json: {/status: ok}}
YAML

text=
[ -t 1 ] || text=' -o text'
echo
echo "It is 3am. hal9-server is down. layer9-server sits on its port $port, and a plain check is content with it:"
show "hal9-health http://127.0.0.1:$port/health$text"
echo
echo "hal9-health looks at who answers:"
show "hal9-health$text"
echo
echo "One pipe finds it, frees the port, starts the service and proves it healthy:"
show "hal9-health | hal9-portfix - | hal9-restart - | hal9-health -$text"
[ "$code" -eq 0 ] || exit 1
echo
echo "Once more: all is well, so nothing is done:"
show "hal9-health | hal9-portfix - | hal9-restart - | hal9-health -$text"
[ "$code" -eq 0 ] || exit 1
echo
echo "What was done, and can be taken back:"
show "hal9-rollback history$text"
echo
echo "All of it was in $dir and is cleaned up now ($((SECONDS - started)) s)."
