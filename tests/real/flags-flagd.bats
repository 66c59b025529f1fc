#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# What hal9-rollback flags writes, as flagd's own evaluator reads it.

load common
load flags
load flagd

setup() {
  flags_setup
  need_flagd_core
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
}

@test "on, off and a share mean to flagd what they say" {
  [ "$(evaluate "$file" dark-mode)" = "0 false STATIC" ]
  flags set dark-mode on -q
  [ "$(evaluate "$file" dark-mode)" = "2000 true STATIC" ]
  flags set dark-mode 25% -q
  read -r n value _ < <(evaluate "$file" dark-mode)
  [ "$n" -gt 400 ]
  [ "$n" -lt 600 ]
  [ "$value" = false ]
  flags set dark-mode 100% -q
  read -r n value _ < <(evaluate "$file" dark-mode)
  [ "$n" -eq 2000 ]
  [ "$value" = true ]
  flags set dark-mode off -q
  [ "$(evaluate "$file" dark-mode)" = "0 false DISABLED" ]
  hal9-rollback undo "$(last_operation)" >/dev/null
  read -r n _ < <(evaluate "$file" dark-mode)
  [ "$n" -eq 2000 ]
}
