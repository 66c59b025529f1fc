#!/usr/bin/env bats
# Changes of flags killed at every line of the journal, over a real Unleash and over a file; others who work at the same moment.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/flags
load ../real/unleash
load kills
load kills-flags

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  flags_setup
}

@test "somebody's change between plan and request is drift: nothing is written, exit 1, and undo leaves theirs alone" {
  unleash_flag
  proxy pass
  stopped_at_begin admin POST "$E/strategies" '{"name":"default","title":"mine"}' -- hal9-rollback flags set "$flag" 25%
  [ "$stopped_status" -eq 1 ]
  grep -q "somebody else changed" "$TEST_DIR/stopped.log"
  [ "$(grep -vc GET "$TEST_DIR/requests")" -eq 0 ]
  theirs=$(env_of "$flag")
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(env_of "$flag")" = "$theirs" ]
}

@test "somebody's edit of the flag between plan and write is drift, of another flag is kept" {
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
  stopped_at_begin sed -i 's/"red": "r"/"red": "R"/' "$file" -- hal9-rollback flags set dark-mode on
  [ "$stopped_status" -eq 0 ]
  grep -q '"red": "R"' "$file"
  [ "$(value dark-mode)" = on ]
  rm "$TEST_DIR"/*.stop
  stopped_at_begin sed -i 's/"defaultVariant": "on"/"defaultVariant": "on", "metadata": {}/' "$file" -- hal9-rollback flags set dark-mode 25%
  [ "$stopped_status" -eq 1 ]
  [ "$(value dark-mode)" = on ]
}

@test "killed at every line of the journal over Unleash: resume or the next run reaches the end" {
  unleash_flag
  proxy pass
  total=$(lines_of hal9-rollback flags set "$flag" 25%)
  [ "$total" -ge 4 ]
  for n in $(seq "$total"); do
    exits 0 flags set "$flag" off -o text
    kill_at_line "$n" hal9-rollback flags set "$flag" 25%
    if [ $((n % 2)) = 0 ]; then
      exits 0 hal9-rollback resume -o text
    fi
    exits 0 flags set "$flag" 25% -o text
    is_25 "line $n"
    exits 0 hal9-rollback resume -o text
    nothing_unfinished
  done
}

@test "killed at every line of the journal over a file: it is the old or the new one, and the end is reached" {
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
  cp "$file" "$TEST_DIR/old"
  total=$(lines_of hal9-rollback flags set dark-mode on)
  cp "$file" "$TEST_DIR/new"
  for n in $(seq "$total"); do
    cp "$TEST_DIR/old" "$file"
    kill_at_line "$n" hal9-rollback flags set dark-mode on
    cmp -s "$file" "$TEST_DIR/old" || cmp "$file" "$TEST_DIR/new"
    exits 0 hal9-rollback resume -o text
    exits 0 flags set dark-mode on -o text
    cmp "$file" "$TEST_DIR/new"
  done
}
