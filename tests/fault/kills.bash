# Tools killed at every journal line and at seeded random moments.
# shellcheck shell=bash disable=SC2154 # set by common.bash

# kill_at_line N COMMAND… : runs it until the N-th line of its journal is durable, then kill -9. False when it has fewer lines.
kill_at_line() {
  local n=$1 dir=$TEST_DIR/stop.$1.$RANDOM ready go pid
  shift
  mkdir "$dir"
  mkfifo "$dir/ready" "$dir/go"
  exec {ready}<>"$dir/ready" {go}<>"$dir/go"
  HAL9OPS_TEST_STOP=$n:$ready:$go "$@" >"$TEST_DIR/killed.log" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  # Either the line is reached, or the tool ends without it: then its end is what wakes us.
  ( wait_end "$pid"; printf e >&"$ready" ) 3>&- 4>&- &
  local watcher=$! byte
  IFS= read -r -n 1 -u "$ready" byte
  if [ "$byte" != e ]; then
    kill -KILL "$pid"
  fi
  wait "$pid" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  exec {ready}<&- {go}<&-
  [ "$byte" != e ]
}

wait_end() {
  "$HAL9_FIXTURES/wait-pid" "$1" >/dev/null
}

# How many lines the journal of an undisturbed run has.
lines_of() {
  : >"$TEST_DIR/lines"
  HAL9OPS_TEST_LINES=$TEST_DIR/lines "$@" >/dev/null 2>&1 || true
  tail -n 1 "$TEST_DIR/lines"
}

# Live servers of this test by the name of their program.
copies() {
  local pid exe n=0
  for pid in $(marked_pids); do
    exe=$(readlink "/proc/$pid/exe") || continue
    [ "${exe##*/}" = "$1" ] && is_alive "$pid" && n=$((n + 1))
  done
  echo "$n"
}

# kill_at_moment MS COMMAND… : kill -9 after so many milliseconds.
kill_at_moment() {
  local s
  printf -v s '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  shift
  timeout --foreground -s KILL "$s" "$@" >"$TEST_DIR/killed.log" 2>&1 </dev/null || true
}

# The seed of the random moments, printed so that a failure can be had again.
seed_moments() {
  seed=${HAL9OPS_SEED:-$(date +%s)}
  RANDOM=$((seed % 32768))
  moments=${HAL9OPS_KILLS:-40}
  echo "# seed $seed, $moments moments" >&3
}

# Milliseconds that a command takes.
duration() {
  local from to
  from=$(date +%s%3N)
  "$@" >/dev/null 2>&1 || true
  to=$(date +%s%3N)
  echo $((to - from))
}
