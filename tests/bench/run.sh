#!/usr/bin/env bash
# tests/bench/run.sh [--readme] [--rounds N]: the figures. Builds a Release in build-bench/ (or $HAL9_BENCH_BUILD), measures it
# against its peers with hyperfine, prints a Markdown table and exits 1 when a target is missed, 2 when nothing could be
# measured. --readme puts the table into README.md. A peer that is not here is skipped by name. Run it alone on the machine:
# times are medians of the rounds (3), ratios the medians of those within a round.
set -euo pipefail

export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export HOME=${HOME:-/tmp} LC_ALL=C.UTF-8
cd "$(dirname "$0")/../.."
here=$PWD/tests/bench
build=${HAL9_BENCH_BUILD:-$PWD/build-bench}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hal9ops-bench
rounds=3
readme=
while [ $# -gt 0 ]; do
  case $1 in
  --readme) readme=1 ;;
  --rounds) rounds=${2:?} && shift ;;
  *) echo "tests/bench/run.sh: '$1' is unknown; see its head" >&2 && exit 2 ;;
  esac
  shift
done

say() { echo "bench: $*" >&2; }
have() { command -v "$1" >/dev/null; }
for tool in cmake hyperfine jq; do
  have "$tool" || { say "needs $tool" && exit 2; }
done

# ---- the build, and a place in memory
HAL9_BENCH_LOAD=$(cut -d' ' -f1 /proc/loadavg)
export HAL9_BENCH_LOAD
say "building a Release in $build"
mkdir -p "$build"
{ cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DHAL9_DEV=OFF -DHAL9_TEST_HOOKS=OFF &&
  cmake --build "$build" -j "$(nproc)"; } >"$build/bench.log" 2>&1 || { tail -n 30 "$build/bench.log" >&2 && exit 2; }

memory=/dev/shm
[ -w "$memory" ] || memory=${TMPDIR:-/tmp}
work=$(mktemp -d "$memory/hal9-bench.XXXXXX")
cgroup=
# shellcheck disable=SC2317 # the trap calls it
tidy() {
  rm -rf "$work"
  [ -z "$cgroup" ] || rmdir "$cgroup"/*/ "$cgroup"
}
trap tidy EXIT
trap 'exit 130' INT TERM
export HAL9_BENCH_WORK=$work HAL9_BENCH_BIN=$build HAL9_BENCH_ROUNDS=$rounds HAL9_BENCH_NPM=
unset HAL9OPS_CONFIG

# ---- what may be missing here
skip() { # KEY REASON: that row
  printf '%s\t%s\n' "$1" "$2" >>"$work/skipped"
}
touch "$work/skipped" "$work/measured"

make_cgroups() {
  local mount
  mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  cgroup=$mount/hal9-bench-$$
  { [ -n "$mount" ] && mkdir -p "$cgroup/crowd" "$cgroup/own"; } 2>/dev/null || cgroup=
}

get_npm_tools() {
  have npm || return 0
  say "building fkill and kill-port in $cache"
  mkdir -p "$cache"
  if timeout 300 npm install --prefix "$cache" --no-fund --no-audit fkill-cli kill-port >"$work/npm.log" 2>&1; then
    export HAL9_BENCH_NPM=$cache/node_modules/.bin
  fi
}

# ---- the measurements
# shellcheck source=tests/bench/measure.bash
. "$here/measure.bash"

quick_start() {
  compare -w 20 -r 300 -- "$build/tests/bench/hello" "$build/hal9-portfix --version"
  note start "${medians[@]}"
}

# A stage of another tool with samples of 200 bytes, the newline included.
records() { # N
  local stamp='"time":"2026-11-23T03:04:05.678Z","host":"web-1","machine":"b1c5","tool":"hal9-health","stage":1,"run":"01JD8Z"'
  echo "{\"hal9\":1,\"kind\":\"begin\",$stamp}"
  awk -v n="$1" -v stamp="$stamp" 'BEGIN {
    head = "{\"hal9\":1,\"kind\":\"sample\"," stamp ",\"value\":"
    for (i = 0; i < n; i++) {
      line = head i ",\"note\":\""
      printf "%s%0*d\"}\n", line, 200 - length(line) - 3, i
    }
  }'
  echo "{\"hal9\":1,\"kind\":\"end\",$stamp,\"planned\":0,\"ran\":0,\"passed\":0,\"failed\":0,\"unknown\":0,\"skipped\":0,\"exit\":0,\"resumable\":false}"
}

pass_through() {
  [ -e "$work/many" ] || { records 1000000 >"$work/many" && records 10000 >"$work/few"; }
  compare -r 1 --output pipe -- "sh -c 'exec jq -c . <$work/many'"
  local jq=${medians[0]}
  compare -w 1 -r 3 --output pipe -- "sh -c 'exec $build/hal9-portfix - <$work/many'"
  note pass "$jq" "${medians[0]}"
  note memory "$(peak few)" "$(peak many)"
}

peak() { # FILE
  "$build/tests/bench/peak" "$build/hal9-portfix" - <"$work/$1" 3>&1 >/dev/null
}

steps() {
  compare -w 1 -r 10 --prepare "sh -c 'rm -rf $work/steps && mkdir $work/steps'" -- "$build/tests/bench/steps $work/steps 1000"
  note steps 0 "${medians[0]}"
}

# A million journals take some 5 GB of memory. The newest operation is a real one, so that its undo has something to look at.
million() {
  local dir=$work/million port
  [ "$(df --output=avail "$memory" | tail -n 1)" -gt 8000000 ] || { skip million 'needs 8 GB in memory' && return; }
  mkdir "$dir"
  echo 'hal9: 1' >"$dir/hal9.yaml"
  "$build/tests/bench/journals" "$dir/state" 1000000
  export HAL9OPS_STATE_DIR=$dir/state HAL9OPS_LOCK_DIR=$dir/locks HAL9OPS_CONFIG=$dir/hal9.yaml
  mkfifo "$dir/ready"
  "$build/tests/fixtures/hold-port" --port 0 --ready-file "$dir/ready" </dev/null >/dev/null 2>&1 &
  read -r port _ <"$dir/ready"
  "$build/hal9-portfix" "$port" --yes --force=holder --settle 50ms >/dev/null
  local newest
  newest=$("$build/hal9-rollback" history --last 1 -o json | jq -r 'select(.kind == "operation").id')
  compare -w 1 -r 5 -- "$build/hal9-rollback history --last 20" "$build/hal9-rollback undo -n $newest"
  note million-history 0 "${medians[0]}"
  note million-undo 0 "${medians[1]}"
  unset HAL9OPS_STATE_DIR HAL9OPS_LOCK_DIR HAL9OPS_CONFIG
  rm -rf "$dir"
}

# A thousand servers behind an haproxy of our own: the weights that are set differ from those that are there, each time.
weights() {
  if ! have haproxy || ! have socat; then
    skip weights 'needs haproxy and socat'
    return
  fi
  local dir=$work/weights tool="$build/tests/bench/balancer $work/weights/hal9.yaml edge hal9 set @$work/weights/new.json"
  export HAL9OPS_STATE_DIR=$dir/state HAL9OPS_LOCK_DIR=$dir/lock
  mkdir -p "$dir/lock"
  {
    printf 'global\n  stats socket %s/sock mode 600 level admin\n' "$dir"
    printf 'defaults\n  timeout connect 2s\n  timeout client 9s\n  timeout server 9s\nbackend hal9\n  balance roundrobin\n'
    for i in {1..1000}; do echo "  server s$i 127.0.0.1:$((i + 1000)) weight 100"; done
  } >"$dir/cfg"
  printf 'hal9: 1\nbalancers: {edge: {haproxy: "unix:%s/sock"}}\n' "$dir" >"$dir/hal9.yaml"
  jq -cn '[range(1; 1001) | {key: "s\(.)", value: {weight: (. % 90)}}] | from_entries' >"$dir/new.json"
  { echo prompt && for i in {1..1000}; do echo "set server hal9/s$i weight $((i % 90))"; done && echo quit; } >"$dir/new"
  { echo prompt && for i in {1..1000}; do echo "set server hal9/s$i weight 100"; done && echo quit; } >"$dir/old"
  haproxy -D -f "$dir/cfg" -p "$dir/pid" 2>"$work/haproxy.log" || { cat "$work/haproxy.log" >&2 && exit 2; }
  compare -w 2 -r 30 --prepare "sh -c 'rm -rf $dir/state; socat -t5 - UNIX-CONNECT:$dir/sock <$dir/old >$dir/told'" -- \
    "sh -c 'exec socat -t5 - UNIX-CONNECT:$dir/sock <$dir/new'" "$tool"
  kill "$(cat "$dir/pid")"
  unset HAL9OPS_STATE_DIR HAL9OPS_LOCK_DIR
  note weights "${medians[@]}"
  rm -rf "$dir"
}

# make_tree BYTES: 1,000 folders of 100 files each, of so many bytes on average.
make_tree() {
  rm -rf "$work/tree"
  awk -v dir="$work/tree" -v bytes="$1" 'BEGIN {
    srand(1)
    for (i = 0; i < 1000; i++) {
      folder = dir "/" int(i / 50) "/" i
      system("mkdir -p " folder)
      for (k = 0; k < 100; k++) {
        text = sprintf("%d/%d ", i, k)
        for (n = 100 + int(rand() * 2 * (bytes - 100)); length(text) < n;) text = text rand()
        file = folder "/file-" k ".txt"
        printf "%s", text >file
        close(file)
      }
    }
  }'
}

snapshots() {
  local take="$build/hal9-rollback snapshot --file $work/tree --state-dir $work/state" size tar
  for size in 1024 4096; do
    make_tree "$size"
    compare -w 1 -r 5 --prepare "rm -f $work/tree.tar" -- "tar -cf $work/tree.tar $work/tree"
    tar=${medians[0]}
    compare -w 1 -r 5 --prepare "rm -rf $work/state" -- "$take"
    note "tree-first-$size" "$tar" "${medians[0]}"
    local first=${medians[0]}
    compare -w 1 -r 10 -- "$take"
    note "tree-again-$size" "$first" "${medians[0]}"
    note "tree-tar-$size" "$tar" "${medians[0]}"
    rm -rf "$work/state" "$work/tree.tar"
  done
}

ports() {
  if [ "$(id -u)" -ne 0 ] || ! unshare --pid --net --mount --fork true 2>/dev/null; then
    skip port 'needs root, and namespaces'
    return
  fi
  make_cgroups
  [ -n "$cgroup" ] || skip port-own 'needs a cgroup2 tree that can be written'
  get_npm_tools
  HAL9_BENCH_CGROUP=$cgroup "$build/tests/fixtures/crowd" ${cgroup:+--cgroup "$cgroup/crowd"} "$here/ports.sh"
}

say "load $HAL9_BENCH_LOAD; $rounds rounds"
for ((round = 1; round <= rounds; round++)); do
  say "round $round: start, records, steps, snapshots, weights"
  quick_start
  pass_through
  steps
  snapshots
  weights
done
rm -rf "$work/many" "$work/few" "$work/tree"
say "a million operations"
million
ports

# ---- the table
code=0
"$here/table.sh" "$work" >"$work/table" || code=$?
cat "$work/table"
if [ -n "$readme" ]; then
  awk -v table="$work/table" '
    /^<!-- figures end -->/ { while ((getline line < table) > 0) print line; inside = 0 }
    !inside { print }
    /^<!-- figures begin/ { inside = 1 }' README.md >"$work/readme"
  cat "$work/readme" >README.md
fi
exit "$code"
