#!/usr/bin/env bash
# Runs within the crowd (see run.sh): who has port 8080, asked of hal9-portfix and its peers. The holder is the middle one of the
# crowd by its pid, so that a walk through all processes meets it half-way.
set -euo pipefail

work=$HAL9_BENCH_WORK bin=$HAL9_BENCH_BIN gap=$HAL9_CROWD_GAP cgroup=$HAL9_BENCH_CGROUP npm=$HAL9_BENCH_NPM
fixtures=$bin/tests/fixtures
# shellcheck source=tests/bench/measure.bash
. "$(dirname "$0")/measure.bash"
cp -f "$fixtures/hold-port" "$work/thief"
printf 'hal9: 1\nservices:\n  web:\n    port: 8080\n    identity: {exe: /usr/sbin/web}\n    conflicts: [thief]\n' >"$work/conflicts.yaml"
printf 'hal9: 1\n' >"$work/empty.yaml"
[ -p "$work/ready" ] || mkfifo "$work/ready"
exec 7<>"$work/ready"

# hold PLACE: a holder, in the cgroup of that name (none: the one of this script), instead of the one before.
hold() {
  kill "$gap" 2>/dev/null || true
  "$fixtures/wait-pid" "$gap"
  while [ -d "/proc/$gap" ]; do :; done # the init reaps it at once
  # shellcheck disable=SC2016 # for the inner shell
  "$fixtures/clone-pid" --detach "$gap" sh -c '[ -z "$0" ] || echo 0 >"$0/cgroup.procs"; exec "$@"' "${cgroup:+$cgroup/$1}" \
    "$work/thief" --port 8080 --ready-file "$work/ready" </dev/null >/dev/null 2>&1 7>&-
  read -r -t 20 -u 7 _ || { echo "ports.sh: the holder did not come" >&2 && exit 1; }
}
# For hyperfine, before each run of what kills it.
if [ "${1-}" = hold ]; then
  hold own
  exit 0
fi

portfix() { # CONFIG
  echo "$bin/hal9-portfix -c $work/$1.yaml --list 8080"
}

# It must be the right answer before its time counts.
answers() { # CONFIG
  { $(portfix "$1") -o json || true; } | jq -es --argjson pid "$gap" 'map(select(.kind == "holder")) | length == 1 and .[0].pid == $pid' >/dev/null ||
    { echo "ports.sh: hal9-portfix does not find the holder" >&2 && exit 1; }
}

peers=('ss -ltnp sport = :8080' 'fuser 8080/tcp' 'lsof -nP -iTCP:8080 -sTCP:LISTEN')

# against KEY CONFIG: a row for each peer that is here.
against() {
  local commands=() names=() i
  for peer in "${peers[@]}"; do
    if command -v "${peer%% *}" >/dev/null; then
      commands+=("$peer") names+=("${peer%% *}")
    else
      printf '%s\t%s\n' "$1-${peer%% *}" "needs ${peer%% *}" >>"$work/skipped"
    fi
  done
  answers "$2"
  compare -w 1 -r 7 -- "${commands[@]}" "$(portfix "$2")"
  [[ ${codes[-1]} =~ ^[01]$ ]] || { echo "ports.sh: hal9-portfix exits ${codes[-1]}" >&2 && exit 1; }
  for i in "${!names[@]}"; do note "$1-${names[i]}" "${medians[i]}" "${medians[-1]}"; done
}

# killer KEY COMMAND…: a tool that looks up and kills in one; the holder is started anew before each run.
killer() {
  if [ ! -x "$npm/$1" ]; then
    printf '%s\t%s\n' "port-own-$1" "needs npm's $1" >>"$work/skipped"
    return
  fi
  compare -r 1 --prepare "$0 hold" -- "$npm/$*"
  local theirs=${medians[0]}
  hold own
  compare -w 1 -r 7 -- "$(portfix empty)"
  note "port-own-$1" "$theirs" "${medians[0]}"
}

for ((round = 1; round <= HAL9_BENCH_ROUNDS; round++)); do
  echo "bench: round $round: ports" >&2
  if [ -n "$cgroup" ]; then
    hold own
    against port-own empty
  fi
  hold crowd
  against port-named conflicts
  against port-unknown empty
done
if [ -n "$cgroup" ]; then
  killer fkill :8080 --silent
  killer kill-port 8080
fi
kill "$gap" 2>/dev/null || true
