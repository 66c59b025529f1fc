# hal9-rollback to, killed: what holds after resume and after undo. For sites of real/rollback.bash.
# shellcheck shell=bash disable=SC2034,SC2154 # read or set by the helpers

# The snapshot good, and all migrated after it.
good_and_migrated() {
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
}

nothing_is_open() {
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "$1: an operation is unfinished"
}

# The newest operation, where it isn't the one that was there before; empty: killed before its journal.
begun() {
  local now
  now=$(operation .id)
  [ "$now" = "$1" ] || echo "$now"
}

# after_kill resume|undo WHERE LAST: what was asked for holds, whatever the kill left. All is migrated again at the end.
after_kill() {
  local id
  id=$(begun "$3")
  if [ "$1" = resume ]; then
    hal9-rollback resume -o text >"$TEST_DIR/after.log" 2>&1 || fail "$2: resume: $(cat "$TEST_DIR/after.log")"
    # Killed before its journal there is nothing to go on with; killed after its end all is done.
    [ -z "$id" ] || is_world "$before" || fail "$2, then resume"
  else
    [ -z "$id" ] || hal9-rollback undo "$id" -o text >"$TEST_DIR/after.log" 2>&1 || fail "$2: undo: $(cat "$TEST_DIR/after.log")"
    is_world "$migrated" || fail "$2, then undo"
  fi
  nothing_is_open "$2"
  [ "$(world)" = "$migrated" ] || migrate
}

# Both for each line in a long run, else in turns.
verbs() { # N
  if [ -n "${HAL9OPS_KILLS:-}" ]; then
    echo resume undo
  elif [ $(($1 % 2)) -eq 0 ]; then
    echo resume
  else
    echo undo
  fi
}

every_line() { # STRATEGY FIRST
  local total n last verb
  total=$(lines_of hal9-rollback to good --strategy "$1")
  [ "$total" -ge 16 ]
  is_world "$before"
  migrate
  for n in $(seq "$total"); do
    # shellcheck disable=SC2046 # one word or two
    for verb in $(verbs $((n + $2))); do
      last=$(operation .id)
      kill_at_line "$n" hal9-rollback to good --strategy "$1" || fail "line $n was not reached"
      after_kill "$verb" "line $n of $total" "$last"
    done
  done
}

# random_moments N: that many, or as told by HAL9OPS_KILLS.
random_moments() {
  local k length last verb
  HAL9OPS_KILLS=${HAL9OPS_KILLS:-$1} seed_moments
  length=$(duration hal9-rollback to good --strategy gradual)
  is_world "$before"
  migrate
  for k in $(seq "$moments"); do
    last=$(operation .id)
    kill_at_moment $((RANDOM % (length + 20))) hal9-rollback to good --strategy gradual
    if [ $((k % 2)) -eq 0 ]; then verb=resume; else verb=undo; fi
    after_kill "$verb" "moment $k of seed $seed" "$last"
  done
}
