#!/usr/bin/env bats
# hal9-rollback to over haproxy, a flag file, files and a release, and each call that changes something fails once: each file is the old or the
# new one and whole; resume or the next run reaches the snapshot, and undo what was before.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback
load kills
load kills-rollback
load sweep

setup() {
  common_setup
  rollback_site 1 1
  good_and_migrated
  turn=0
}

to_prepare() {
  [ "$(world)" = "$migrated" ] || migrate
  last=$(operation .id)
}

to_run() {
  hal9-rollback to good -o text
}

one_of() { # WHAT IS ALLOWED…
  local what=$1 is=$2 allowed
  shift 2
  for allowed in "$@"; do
    [ "$is" != "$allowed" ] || return 0
  done
  fail "$what is '$is'"
}

to_check() {
  [ "$code" -ne 0 ] || is_world "$before" || return 1
  # Nothing begun, nothing touched.
  case $code in 1 | 4 | 5) [ -n "$(begun "$last")" ] || is_world "$migrated" || return 1 ;; esac
  one_of app.yaml "$(cat "$site_dir/conf/app.yaml")" "path: old" "path: new" &&
    one_of same.yaml "$(cat "$site_dir/conf/same.yaml")" unchanged &&
    one_of added.yaml "$(cat "$site_dir/conf/added.yaml" 2>/dev/null)" "" more &&
    one_of current "$(readlink "$site_dir/current")" releases/1 releases/2 &&
    one_of new-path "$(flag new-path)" on off &&
    one_of other "$(flag other)" on &&
    one_of "the site has" "$(cd "$site_dir" && echo * .h*)" "conf current flags.json releases .h*" &&
    one_of "conf has" "$(cd "$site_dir/conf" && echo * .h*)" "added.yaml app.yaml same.yaml .h*" "app.yaml same.yaml .h*"
}

# In turns: back to what was before; or on with it.
to_recover() {
  local id
  turn=$((turn + 1))
  id=$(begun "$last")
  if [ $((turn % 2)) -eq 0 ] && [ -n "$id" ]; then
    again hal9-rollback undo "$id" && is_world "$migrated" undo || return 1
  elif [ -n "$id" ]; then
    again hal9-rollback resume || return 1
  fi
  again hal9-rollback to good
}

to_healed() {
  nothing_unfinished && is_world "$before"
}

# A fifth of the points each day, another one the next; all of them, with every error, by HAL9OPS_SWEEP=full.
@test "points of a rollback" {
  local day=$((${HAL9OPS_SEED:-$(date +%s)} / 86400))
  if [ "${HAL9OPS_SWEEP:-}" = full ]; then
    sweep to 1 1
  else
    sweep to $((1 + day % 5)) 5
  fi
}
