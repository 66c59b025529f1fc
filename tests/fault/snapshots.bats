#!/usr/bin/env bats
# Snapshots killed at every point, and on a disk without space: whole or not there at all, and what was there stays.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load full-disk

setup() {
  common_setup
  export PATH=$HAL9_BIN:$PATH HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  cd "$TEST_DIR" || return
  export HOME=$TEST_DIR
  mkdir -p tree/a tree/b lock
  for i in 1 2 3 4 5; do
    echo "$i" >"tree/a/$i"
    head -c 20000 /dev/urandom >"tree/b/$i"
  done
  hal9-rollback snapshot first --file tree >/dev/null
  HAL9OPS_FAULT=count:count hal9-rollback snapshot count --file tree >/dev/null
}

# sweep OUTCOME: each point once. Prints how many.
sweep() {
  local n=0 status=1
  while ((++n < 300)); do
    echo "$n" >tree/a/changing
    head -c 30000 /dev/urandom >tree/b/changing
    status=0
    HAL9OPS_FAULT=$n:$1 hal9-rollback snapshot "at-$n" --file tree >out 2>&1 || status=$?
    # Whatever became of it: those that are listed are whole, the first is as it was, and the next one works.
    hal9-rollback list >listed || fail "point $n: the list: $(cat out)"
    hal9-rollback diff first count >/dev/null || fail "point $n: the earlier ones differ"
    if grep -q "\"name\":\"at-$n\"" listed; then
      hal9-rollback diff "at-$n" >differs || fail "point $n: it is there, and not whole: $(cat differs out)"
    elif [ "$status" = 0 ]; then
      fail "point $n: exit 0, and no snapshot"
    fi
    HAL9OPS_FAULT=count:points hal9-rollback snapshot "after-$n" --file tree >/dev/null || fail "point $n: the next one fails"
    [ -z "$(find state/packs -name '*.tmp')" ] || fail "point $n: a part of a pack is left"
    [ -z "$(find state/snapshots -name '.*' -type f)" ] || fail "point $n: a part of a snapshot is left: $(ls -A state/snapshots)"
    if [ "$status" = 0 ] && ((n > $(cat points))); then break; fi
    hal9-rollback prune "after-$n" >/dev/null
    if grep -q "\"name\":\"at-$n\"" listed; then hal9-rollback prune "at-$n" >/dev/null; fi
  done
  echo "# $((n - 1)) points with $1" >&3
  ((n > 10 && n < 300))
}

@test "killed at each point, it is whole or not there, and the next one works" {
  sweep KILL
}

@test "without space at each point, it is whole or not there, and the next one works" {
  sweep ENOSPC
}

@test "on a full disk a snapshot is refused in words, and those that are there stay" {
  small_disk tmpfs
  in_ns hal9-rollback snapshot first --file tree >/dev/null
  fill_disk
  head -c 300000 /dev/urandom >tree/b/new
  run in_ns hal9-rollback snapshot second --file tree -o text
  [ "$status" -eq 4 ]
  [[ $output == *"No space left"* ]]
  run in_ns hal9-rollback list -o json
  [ "$status" -eq 0 ]
  [ "$(grep -c '"kind":"snapshot"' <<<"$output")" = 1 ]
}
