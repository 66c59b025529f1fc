# Sweeps: each point of the fault table that a run passes fails once, in a run of its own; see lib/sys/fault.h.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# What such a call may fail with.
errors_of() { # POINT
  case $1 in
  open) echo "EMFILE ENOSPC EIO EPERM EINTR" ;;
  write) echo "ENOSPC EIO EINTR" ;;
  fsync) echo "EIO ENOSPC EINTR" ;;
  fallocate) echo "ENOSPC EINTR EIO" ;;
  truncate) echo "EIO EINTR" ;;
  flock) echo "EINTR EIO" ;;
  fork) echo "EAGAIN ENOMEM" ;;
  signal) echo "EPERM" ;;
  rename | link | symlink | mkdir) echo "ENOSPC EIO EPERM" ;;
  *) echo "EIO EPERM" ;;
  esac
}

# points COMMAND…: sets points to the names of those that an undisturbed run passes.
points_of() {
  rm -f "$TEST_DIR/points"
  HAL9OPS_FAULT=points:$TEST_DIR/points "$@" >"$TEST_DIR/count.log" 2>&1 </dev/null || true
  mapfile -t points <"$TEST_DIR/points"
}

# sweep NAME PART PARTS: calls NAME_prepare, runs NAME_run with the N-th point failing, calls NAME_check POINT, NAME_recover and NAME_healed; for
# each N of this part. One error a point, another one each day; with HAL9OPS_SWEEP=full every one of them. The points of NAME_run must be in points.
sweep() {
  local name=$1 part=$2 parts=$3 n nth kind errors e day runs=0
  local -a choice
  day=$((${HAL9OPS_SEED:-$(date +%s)} / 86400))
  # The day's first act makes what is kept ahead; the sweep goes over the later ones.
  "${name}_prepare"
  points_of "${name}_run"
  "${name}_healed" || fail "$name: the undisturbed run: $(cat "$TEST_DIR/count.log")"
  total=${#points[@]}
  [ "$total" -ge 30 ] || fail "only $total points: $(sort "$TEST_DIR/points" | uniq -c)"
  for ((n = part; n <= total; n += parts)); do
    kind=${points[n - 1]}
    # by kind, so that a flock more or less on the way is none of another call's business
    nth=$(printf '%s\n' "${points[@]:0:n}" | grep -c -x "$kind")
    read -r -a choice <<<"$(errors_of "$kind")"
    [ "${HAL9OPS_SWEEP:-}" = full ] || choice=("${choice[(n / parts + day) % ${#choice[@]}]}")
    for e in "${choice[@]}"; do
      one_fault "$name" "$nth" "$kind" "$e" || fail "$name: point $n ($kind $nth) failing with $e, seed $((day * 86400)): $(cat "$TEST_DIR/fault.log")"
      runs=$((runs + 1))
    done
  done
  echo "# $name: $total points, $runs runs" >&3
}

one_fault() { # NAME N POINT ERROR
  "$1_prepare" || return 1
  code=0
  HAL9OPS_FAULT=$3:$2:$4 "$1_run" >"$TEST_DIR/fault.log" 2>&1 </dev/null || code=$?
  told || return 1
  # A signal that comes in between is nobody's failure.
  if [ "$4" = EINTR ] && [ "$code" -ne 0 ]; then
    fail "exit $code after a mere EINTR"
    return 1
  fi
  readable && "$1_check" "$3" && "$1_recover" && "$1_healed"
}

# The exit code is one of the documented ones, and a failure is told; a sanitizer's word is none of ours.
told() {
  case $code in
  0) ;;
  1 | 3 | 4 | 5) [ -s "$TEST_DIR/fault.log" ] || { fail "exit $code, and not a word"; return 1; } ;;
  *) fail "exit $code"; return 1 ;;
  esac
  if grep -q 'Sanitizer\|runtime error' "$TEST_DIR/fault.log"; then
    fail "a sanitizer complains"
    return 1
  fi
}

# Every journal can be read.
readable() {
  hal9-rollback history --last 3 -o json >"$TEST_DIR/history" 2>&1 || { fail "history: $(cat "$TEST_DIR/history")"; return 1; }
  if grep -q '"kind":"problem"' "$TEST_DIR/history"; then
    fail "history: $(cat "$TEST_DIR/history")"
    return 1
  fi
}

nothing_unfinished() {
  hal9-rollback status -o json >"$TEST_DIR/status" 2>&1 || { fail "unfinished: $(cat "$TEST_DIR/status")"; return 1; }
}

# again COMMAND…: without a fault; its words are added to the log.
again() {
  "$@" >>"$TEST_DIR/fault.log" 2>&1 </dev/null || { fail "$*: exit $?"; return 1; }
}
