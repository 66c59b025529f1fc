#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# The incident at a terminal of 80 and of 40 columns, as a tired operator sees it: nothing is wider, what is to be typed is in one
# piece, each step leads to the next, and a locale that has no Hangul gets ASCII.

load common
load incident

setup() {
  common_setup
  skip_unless script bsdutils
  skip_unless jq
  unset NO_COLOR LC_ALL LC_CTYPE HAL9OPS_TONE
  export LANG=C.UTF-8 TERM=xterm
  site
}

# at_terminal COLUMNS COMMAND…: sets output (stdout and stderr, without escapes and what a line of progress took back) and status.
at_terminal() {
  local columns=$1 command
  shift
  printf -v command '%q ' "$@"
  run script -qec "stty cols $columns rows 50; $command" /dev/null </dev/null
  raw=$output
  output=$(sed -E 's/\r+$//; s/.*\r\x1b\[K//; s/\x1b\[[0-9;]*[mK]//g' <<<"$output")
}

says() { [[ $output == *"$1"* ]] || fail "no '$1' in: $output"; }
has_line() { grep -qxE -- "$1" <<<"$output" || fail "no line '$1' in: $output"; }
narrow() { awk -v c="$1" 'length($0) > c { print "wider than " c ": " $0; bad = 1 } END { exit bad }' <<<"$output" || fail "$output"; }

# The commands that output tells to be typed next, one a line.
told_next() { sed -nE 's/^ *([0-9]+\. |Next: |Undo: )?(hal9-[a-z]+ [^,;]*)$/\2/p; s/.*(Next|Undo): (hal9-.*)$/\2/p' <<<"$output" | sort -u; }

story() { # COLUMNS: each command is the one that the last one told
  start_fixture layer9-server --port "$port"
  at_terminal "$1" hal9-health
  [ "$status" -eq 1 ]
  narrow "$1"
  told_next | grep -qx 'hal9-portfix hal9-server' || fail "$output"
  at_terminal "$1" hal9-restart hal9-server
  [ "$status" -eq 1 ]
  narrow "$1"
  told_next | grep -qx 'hal9-portfix hal9-server' || fail "$output"
  at_terminal "$1" hal9-portfix hal9-server --settle 50ms
  [ "$status" -eq 0 ]
  narrow "$1"
  told_next | grep -qx 'hal9-restart hal9-server' || fail "$output"
  told_next | grep -qE '^hal9-rollback undo [a-z0-9]{4}$' || fail "the undo is not in one piece: $output"
  at_terminal "$1" hal9-restart hal9-server
  [ "$status" -eq 0 ] || fail "$output"
  narrow "$1"
  undo=$(told_next | grep -E '^hal9-rollback undo [a-z0-9]{4}$') || fail "the undo is not in one piece: $output"
  at_terminal "$1" hal9-health
  [ "$status" -eq 0 ]
  for words in history status; do
    at_terminal "$1" hal9-rollback "$words"
    [ "$status" -eq 0 ]
    narrow "$1"
  done
  # shellcheck disable=SC2086 # words
  at_terminal "$1" $undo
  [ "$status" -eq 0 ] || fail "$output"
  narrow "$1"
}

@test "80 columns, by day: from the first words to the undo" {
  export HAL9OPS_TONE=plain
  story 80
}

@test "40 columns, at 3am: the same, and nothing is wider" {
  export HAL9OPS_TONE=3am
  story 40
}

@test "80 columns, at 3am: letters first, then what to do next, numbered" {
  export HAL9OPS_TONE=3am
  start_fixture layer9-server --port "$port"
  at_terminal 80 hal9-portfix --list "$port"
  has_line '#+( +#+){3,}.*'
  has_line '  1\. hal9-portfix hal9-server'
  at_terminal 80 hal9-restart hal9-server
  has_line '  1\. hal9-portfix hal9-server'
  narrow 80
}

@test "a step on a narrow terminal tells how it went and how long in one piece" {
  start_fixture layer9-server --port "$port"
  at_terminal 40 hal9-portfix hal9-server --settle 50ms
  [ "$(grep -cE 'done [0-9.]+ s$' <<<"$output")" -eq 3 ] || fail "$output"
}

@test "progress goes to stderr, only where that is a terminal" {
  start_fixture layer9-server --port "$port"
  hal9-portfix hal9-server --settle 50ms -o text >"$TEST_DIR/out" 2>"$TEST_DIR/err"
  if grep -q $'\r' "$TEST_DIR/out" "$TEST_DIR/err"; then fail "progress in a file"; fi
  start_fixture layer9-server --port "$port"
  at_terminal 80 bash -c "hal9-portfix hal9-server --settle 300ms -o text >$TEST_DIR/out"
  [[ $raw == *$'\r\033[K'* ]] || fail "no progress: $raw"
  if grep -q $'\r' "$TEST_DIR/out"; then fail "progress on stdout"; fi
}

@test "salty speaks Korean when things go wrong, to who can read it; LANG=C gets ASCII; NO_COLOR no escapes" {
  start_fixture layer9-server --port "$port"
  export HAL9OPS_TONE=salty
  # The locale itself, where it can be made; its name alone will do elsewhere.
  if command -v localedef >/dev/null && localedef -i ko_KR -f UTF-8 "$TEST_DIR/ko_KR.UTF-8" 2>/dev/null; then
    # The C library never frees what it reads LOCPATH into.
    export LOCPATH=$TEST_DIR ASAN_OPTIONS=detect_leaks=0
  fi
  for tool in hal9-health "hal9-portfix --list $port" "hal9-restart hal9-server"; do
    # shellcheck disable=SC2086 # words
    LANG=ko_KR.UTF-8 at_terminal 80 $tool
    says "시발"
    # shellcheck disable=SC2086 # words
    LANG=C at_terminal 80 $tool
    [ -z "$(LC_ALL=C tr -d '\000-\177' <<<"$output")" ] || fail "not ASCII: $output"
    # shellcheck disable=SC2086 # words
    NO_COLOR=1 LANG=C at_terminal 80 $tool
    [[ $raw != *$'\033[3'* ]] || fail "colours: $raw"
  done
}
