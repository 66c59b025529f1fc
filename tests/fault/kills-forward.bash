# What the files share that kill hal9-rollback forward.
# shellcheck shell=bash disable=SC2034,SC2154 # set by the helpers, or read in the tests

begun() { # LAST: the newest operation where it isn't that one
  local now
  now=$(operation .id)
  [ "$now" = "$1" ] || echo "$now"
}

nothing_is_open() {
  hal9-rollback status -o text >"$TEST_DIR/status.log" || fail "$1: $(cat "$TEST_DIR/status.log")"
}

# after_kill resume|undo|again WHERE LAST: as it should be in the end, whatever the kill left.
after_kill() {
  local id status=0 wanted=0
  id=$(begun "$3")
  [ "$(cat "$TEST_DIR/gate")" -eq 0 ] || wanted=1
  case $1 in
    resume)
      hal9-rollback resume -o text >"$TEST_DIR/after.log" 2>&1 || status=$?
      # Killed before its journal, or behind its end, there is nothing to go on with.
      if grep -q 'nothing is unfinished' "$TEST_DIR/after.log"; then
        [ -n "$id" ] || return 0
      else
        [ "$status" -eq "$wanted" ] || fail "$2: resume: $status: $(cat "$TEST_DIR/after.log")"
      fi
      ;;
    again)
      hal9-rollback forward -o text >"$TEST_DIR/after.log" 2>&1 || status=$?
      [ "$status" -eq "$wanted" ] || fail "$2: forward: $status: $(cat "$TEST_DIR/after.log")"
      ;;
    undo)
      [ -z "$id" ] || hal9-rollback undo "$id" -o text >"$TEST_DIR/after.log" 2>&1 || fail "$2: undo: $(cat "$TEST_DIR/after.log")"
      wanted=1
      ;;
  esac
  if [ "$wanted" -eq 0 ]; then is_full; else is_world "$before"; fi
  nothing_is_open "$2, then $1"
}

# Back to how it was, by the last operation that went forward.
start_over() {
  [ "$(world)" = "$before" ] || hal9-rollback to "$(hal9-rollback list -o json | jq -rs '[.[] | select(.kind == "snapshot")] | .[0].id')" -o text >/dev/null
  is_world "$before"
}

# Every second one, from the first or the second by chance; each in a long run.
every_line() { # VERB…: in turns
  local total n last first step=2 verbs=("$@")
  first=$((RANDOM % 2 + 1))
  [ -z "${HAL9OPS_KILLS:-}" ] || first=1 step=1
  echo "# lines from $first by $step" >&3
  total=$(lines_of hal9-rollback forward)
  [ "$total" -ge 14 ]
  start_over
  for n in $(seq "$first" "$step" "$total"); do
    last=$(operation .id)
    kill_at_line "$n" hal9-rollback forward || fail "line $n of $total was not reached"
    after_kill "${verbs[n % ${#verbs[@]}]}" "line $n of $total" "$last"
    start_over
  done
}
