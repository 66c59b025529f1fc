#!/usr/bin/env bats
# Snapshots that are damaged, and rights that are taken away on the way: clear words, nothing half-written, and on it goes once it is mended.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

teardown() {
  [ -z "${frozen:-}" ] || chattr -i "$frozen" 2>/dev/null || true
  common_teardown
}

to() {
  run hal9-rollback to "$@" -o text
  echo "$output"
}

says() { [[ $output == *"$1"* ]] || fail "no '$1' in: $output"; }

no_operation() {
  [ "$(hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "an operation was begun"
}

# flip FILE OFFSET: one bit of it.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a snapshot cut off or with a flipped bit, wherever: exit 4 in words, and nothing is touched" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  document=$(echo "$HAL9OPS_STATE_DIR"/snapshots/*.json)
  size=$(stat -c %s "$document")
  cp "$document" "$TEST_DIR/whole"
  for cut in 0 1 $((size / 2)) $((size - 1)); do
    head -c "$cut" "$TEST_DIR/whole" >"$document"
    to "$(basename "$document" .json)"
    [ "$status" -eq 4 ] || fail "cut to $cut: exit $status"
    says "is damaged: "
    is_world "$migrated"
  done
  for at in 20 $((size / 3)) $((size / 2)) $((size - 6)); do
    cp "$TEST_DIR/whole" "$document"
    flip "$document" "$at"
    to "$(basename "$document" .json)"
    [ "$status" -eq 4 ] || fail "a bit flipped at $at: exit $status"
    says "is damaged: "
    is_world "$migrated"
  done
  no_operation
  cp "$TEST_DIR/whole" "$document"
  to good
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "contents of a snapshot cut off or with a flipped bit: exit 4 in words, and nothing is touched" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  pack=$(echo "$HAL9OPS_STATE_DIR"/packs/*.pack)
  size=$(stat -c %s "$pack")
  cp "$pack" "$TEST_DIR/whole"
  for how in $((size / 3)) $((size / 2)) $((size - 40)) cut gone; do
    cp "$TEST_DIR/whole" "$pack"
    case $how in
    cut) truncate -s $((size / 3)) "$pack" ;;
    gone) rm "$pack" ;;
    *) flip "$pack" "$how" ;;
    esac
    to good
    # What is flipped may be of the tree that is there now, or of nothing that is wanted.
    if [ "$status" -eq 0 ] && [[ $how == [0-9]* ]]; then
      is_world "$before"
      migrate
      continue
    fi
    [ "$status" -eq 4 ] || fail "$how: exit $status"
    says "nothing was begun: 1 of 4 parts can't be read: files:$site_dir/conf: "
    is_world "$migrated"
  done
  cp "$TEST_DIR/whole" "$pack"
  to good
  [ "$status" -eq 0 ]
  is_world "$before"
}

# rights_taken TAKE GIVE: in a gradual rollback, after its first stop; AS: runs the tool.
rights_taken() {
  : >"$TEST_DIR/to.ndjson"
  "${AS[@]}" hal9-rollback to good --strategy gradual -o json >"$TEST_DIR/to.ndjson" 2>"$TEST_DIR/to.log" 3>&- 4>&- </dev/null &
  to_pid=$!
  wait_step stop-1 "done"
  "$1"
  end_to 3
  cat "$TEST_DIR/to.log"
  [ "$(jq -rs '[.[] | select(.kind == "end")] | last | .resumable' "$TEST_DIR/to.ndjson")" = "${RESUMABLE:-true}" ]
  grep -q "$site_dir/.*\(denied\|not permitted\)" "$TEST_DIR/to.log"
  # Each file is whole: the old one or the new one.
  [[ $(cat "$site_dir/conf/app.yaml") == "path: "@(old|new) ]]
  [ -z "$(find "$site_dir" -name '.hal9*')" ] || fail "left behind: $(find "$site_dir" -name '.hal9*')"
  "$2"
}

freeze() {
  frozen=$site_dir/conf/app.yaml
  chattr +i "$frozen"
}

thaw() {
  chattr -i "$frozen"
  frozen=''
}

@test "a file made immutable in the middle: told by name, exit 3; thawed, the rest is done" {
  need_root
  touch "$TEST_DIR/probe"
  chattr +i "$TEST_DIR/probe" 2>/dev/null || skip "needs a file system with immutable files"
  chattr -i "$TEST_DIR/probe"
  GRADUAL='{stops: 2, every: 2s}'
  AS=(env)
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  rights_taken freeze thaw
  to good
  [ "$status" -eq 0 ]
  is_world "$before"
}

own() { chown -R 4711:4711 "$site_dir"; }
# What is kept of a folder is its own owner, not that of the one above.
revoke() { chown 0:0 "$site_dir" && chmod 0700 "$site_dir"; }
give_back() { chmod 0755 "$site_dir" && own; }

@test "as another user whose rights are revoked in the middle: told by name, exit 3; given back, the rest is done" {
  need_root
  GRADUAL='{stops: 2, every: 2s}'
  AS=(as_user 4711)
  rollback_site 1 1
  chmod 0777 "$TEST_DIR/edge.sock"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  mkdir -m 0700 "$HAL9OPS_STATE_DIR"
  chown 4711:4711 "$HAL9OPS_STATE_DIR"
  own
  as_user 4711 hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  own
  rights_taken revoke give_back
  run as_user 4711 hal9-rollback to good -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "a flag file whose folder is another user's: exit 3 in words, what comes after it is not begun, and resume goes on" {
  need_root
  rollback_site 1 1
  chmod 0777 "$TEST_DIR/edge.sock"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  mkdir -m 0700 "$HAL9OPS_STATE_DIR"
  chown 4711:4711 "$HAL9OPS_STATE_DIR"
  own
  as_user 4711 hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  chown -R 4711:4711 "$site_dir"
  chown 0:0 "$site_dir"
  run as_user 4711 hal9-rollback to good -o text
  echo "$output"
  [ "$status" -eq 3 ]
  says "cannot make a file beside $site_dir/flags.json: Permission denied"
  says "hal9-rollback resume"
  [ "$(flag new-path)" = on ]
  [ "$(readlink "$site_dir/current")" = releases/2 ]
  own
  run as_user 4711 hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
}
