#!/usr/bin/env bats
# Taking back at the terminal: a later operation in the way, whole runs, runs that stop in the middle, what is old.
# shellcheck disable=SC2154 # set by the helpers

load common
load incident
load ../fault/kills

setup() {
  common_setup
  skip_unless jq
  site
}

newest() {
  hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id'
}

# A thief with a program of its own, and the whole incident put right: two operations of one run.
incident() {
  cp "$HAL9_FIXTURES/layer9-server" "$TEST_DIR/bin/"
  HAL9_FIXTURES=$TEST_DIR/bin start_fixture layer9-server --port "$port"
  incident_pipe --settle 50ms >"$TEST_DIR/out" 2>&1 || fail "$(cat "$TEST_DIR/out")"
  run_id=$(hal9-rollback history -o json | jq -r 'select(.kind == "operation").run' | tail -n 1)
}

@test "a later operation touched the same: refused with its name, exit 1; after that one's undo it goes" {
  hal9-restart hal9-server
  first=$(newest)
  hal9-restart hal9-server
  second=$(newest)
  run hal9-rollback undo "$first" -o text
  [ "$status" -eq 1 ]
  [[ $output == *"operation $second"*"came after $first"*"hal9-rollback undo $second"* ]]
  [ "$(copies hal9-server)" -eq 1 ]
  hal9-rollback undo "$second"
  hal9-rollback undo "$first"
  [ "$(copies hal9-server)" -eq 0 ]
}

@test "undo of a run: -n tells the plan and changes nothing; then all of it, newest first; twice does nothing" {
  incident
  run hal9-rollback undo -n "$run_id" -o text
  [ "$status" -eq 1 ]
  [[ $output == *"stop hal9-server"*"start layer9-server again"* ]]
  [ "$(copies hal9-server)" -eq 1 ]
  run hal9-rollback undo "$run_id" -o text
  [ "$status" -eq 0 ]
  [[ $output == *"run $run_id is taken back: 2 operations"* ]]
  [ "$(copies hal9-server)" -eq 0 ]
  [ "$(copies layer9-server)" -eq 1 ]
  run hal9-rollback undo "$run_id" -o text
  [ "$status" -eq 0 ]
  [[ $output == *"run $run_id is taken back: 0 operations"* ]]
}

@test "undo of a run stops at the first that fails: what is taken back is told, exit 1, the next undo goes on" {
  incident
  mv "$TEST_DIR/bin/layer9-server" "$TEST_DIR/bin/away"
  run hal9-rollback undo "$run_id" -o text
  [ "$status" -ne 0 ]
  [[ $output == *"run $run_id is taken back in part: 1 operation, then it stopped"* ]]
  [ "$(copies hal9-server)" -eq 0 ]
  mv "$TEST_DIR/bin/away" "$TEST_DIR/bin/layer9-server"
  hal9-rollback undo "$run_id"
  [ "$(copies layer9-server)" -eq 1 ]
}

@test "history is in columns, and says so much of an id that it means one operation" {
  hal9-restart hal9-server
  hal9-restart hal9-server
  # another operation whose id ends with the same four characters
  id=$(newest)
  twin=0${id:1:8}0${id:10}
  cp "$HAL9OPS_STATE_DIR/journal/$id.ndjson" "$HAL9OPS_STATE_DIR/journal/$twin.ndjson"
  run hal9-rollback undo "${id:10}"
  [ "$status" -eq 2 ]
  [[ $output == *"fits 2 operations"* ]]
  rm "$HAL9OPS_STATE_DIR/journal/$twin.ndjson"
  hal9-rollback history -o text >"$TEST_DIR/history"
  [ "$(awk '{ print index($0, "hal9-restart"), index($0, "done"), match($0, /[0-9]\/[0-9]/) }' "$TEST_DIR/history" | sort -u | wc -l)" -eq 1 ]
  while read -r short _; do hal9-rollback show "$short" >/dev/null </dev/null || fail "$short"; done <"$TEST_DIR/history"
  run hal9-rollback history --last 1 -o text
  [ "${#lines[@]}" -eq 1 ]
  run hal9-rollback history --last -1
  [ "$status" -eq 2 ]
}

@test "prune: wrong words exit 2; -n only tells; what is old goes, an unfinished one stays, twice does nothing" {
  for words in "" "--older 30d" "--operations" "--operations --keep x" "--operations --keep -1" "--operations --older soon" "--operations --keep 1 hal9-server"; do
    # shellcheck disable=SC2086 # words
    run hal9-rollback prune $words
    [ "$status" -eq 2 ] || fail "prune $words: exit $status: $output"
  done
  for _ in 1 2 3; do hal9-restart hal9-server; done
  run hal9-rollback prune --operations -n --keep 1 -o text
  [ "$status" -eq 1 ]
  [[ $output == *"2 operations would be removed, 1 stay"* ]]
  [ "$(operations)" -eq 3 ]
  run hal9-rollback prune --operations --older 1h --keep 1 -o text
  [[ $output == *"0 operations removed, 3 stay"* ]]
  kill_at_line 3 hal9-restart hal9-server
  run hal9-rollback prune --operations --keep 0 -o text
  [ "$status" -eq 0 ]
  [[ $output == *"1 operations without an end stay"*"3 operations removed, 1 stay"* ]]
  hal9-rollback resume
  run hal9-rollback prune --operations --keep 0 -o text
  [[ $output == *"1 operation removed, 0 stay"* ]]
  run hal9-rollback prune --operations --keep 0 -o text
  [ "$status" -eq 0 ]
  [[ $output == *"0 operations removed, 0 stay"* ]]
  [ "$(copies hal9-server)" -eq 1 ]
}

@test "prune: a record of what went, and of what would go" {
  for _ in 1 2 3; do hal9-restart hal9-server >/dev/null; done
  ids=$(hal9-rollback history -o json | jq -s -c '[.[] | select(.kind == "operation").id][0:2]')
  run hal9-rollback prune --operations -n --keep 1 -o json
  [ "$status" -eq 1 ]
  [ "$(jq -c 'select(.kind == "pruned") | [.what, .would, .removed, .kept, .ids]' <<<"$output")" = "[\"operations\",true,2,1,$ids]" ]
  run hal9-rollback prune --operations --keep 1 -o json
  [ "$status" -eq 0 ]
  [ "$(jq -c 'select(.kind == "pruned") | [.would, .removed, .kept, .ids, .bytes > 0]' <<<"$output")" = "[false,2,1,$ids,true]" ]
  run hal9-rollback prune --operations --keep 1 -o json
  [ "$(jq -c 'select(.kind == "pruned") | [.removed, .ids]' <<<"$output")" = '[0,[]]' ]
}
