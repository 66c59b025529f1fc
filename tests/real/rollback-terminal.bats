#!/usr/bin/env bats
# A gradual rollback at a terminal, interrupted by Ctrl-C: what is told is what goes on.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

@test "Ctrl-C in a gradual rollback: exit 130, the command that goes on is told, and it does" {
  skip_unless script bsdutils
  GRADUAL='{stops: 2, every: 5s}'
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  mkfifo "$TEST_DIR/keys"
  exec {keys}<>"$TEST_DIR/keys"
  TERM=xterm NO_COLOR=1 env --default-signal=INT script -qefc 'exec hal9-rollback to good --strategy gradual' /dev/null <"$TEST_DIR/keys" >"$TEST_DIR/screen" 2>&1 3>&- 4>&- &
  script_pid=$!
  # The line of progress ends with \r.
  # shellcheck disable=SC2016 # the shell that is started expands it
  timeout 30 sh -c 'tail -n +1 -s 0.02 -F "$TEST_DIR/screen" 2>/dev/null | stdbuf -oL tr "\r" "\n" | grep -q -m 1 "s to go"' 3>&- 4>&-
  printf '\003' >&"$keys"
  status=0
  wait "$script_pid" || status=$?
  exec {keys}<&-
  cat "$TEST_DIR/screen"
  [ "$status" -eq 130 ]
  [ "$(traffic)" = "s1 50 ready, s2 50 ready" ]
  [ "$(flag new-path)" = on ]
  # As it was told, word for word.
  told=$(grep -oE 'hal9-rollback resume [A-Za-z0-9]+' "$TEST_DIR/screen" | head -n 1)
  [ -n "$told" ]
  run $told -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
  run hal9-rollback status -o text
  [ "$status" -eq 0 ]
}
