#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Flags in files, by hal9-rollback flags: flagd's JSON and YAML, env files; journaled, taken back, watched.

load common
load flags

setup() {
  flags_setup
  file=$TEST_DIR/flags.json
  sample "$file"
  cp "$file" "$TEST_DIR/before"
  flags_config "main: {flagd: $file}"
}

@test "list, get and set in words and in records; once more changes nothing" {
  exits 0 flags list -o text
  [[ "$output" == *"dark-mode"*"variant off"*"color"*"variant red"* ]]
  exits 0 flags set dark-mode 25% -o text
  [[ "$output" == *"dark-mode (main): variant off -> 25%"* ]]
  [[ "$output" == *"Undo: hal9-rollback undo "* ]]
  [ "$(value dark-mode)" = 25% ]
  exits 0 flags set main dark-mode 25% -o text
  [[ "$output" == *"25% already"* ]]
  [ "$(operations)" -eq 1 ]
  flags set color blue -o json | jq -es '[.[] | select(.kind == "flag")] == [.[] | select(.flag == "color" and .store == "main" and .type == "flagd" and .from == "variant red" and .to == "variant blue" and .user != null and .operation != null)] and length > 3'
}

@test "undo brings back every byte" {
  flags set dark-mode on -q
  run diff "$TEST_DIR/before" "$file"
  [ "$status" -eq 1 ]
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  diff "$TEST_DIR/before" "$file"
  [[ "$output" == *"dark-mode (main): on -> variant off"* ]]
}

@test "a flag edited by hand since is not taken back without --force=drift" {
  flags set dark-mode on -q
  id=$(last_operation)
  sed -i 's/"state": "ENABLED", "variants": {"on"/"state": "DISABLED", "variants": {"on"/' "$file"
  cp "$file" "$TEST_DIR/edited"
  exits 1 hal9-rollback undo "$id" -o text
  [[ "$output" == *"was changed since"*"--force=drift"* ]]
  diff "$TEST_DIR/edited" "$file"
  exits 0 hal9-rollback undo "$id" --force=drift -o text
  diff "$TEST_DIR/before" "$file"
}

@test "another flag edited by hand since stays, whatever is undone" {
  flags set dark-mode on -q
  sed -i 's/"defaultVariant": "red"/"defaultVariant": "blue"/' "$file"
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(value color)" = "variant blue" ]
  [ "$(value dark-mode)" = "variant off" ]
}

@test "-n tells the plan and changes nothing, not even a state directory" {
  exits 1 flags set dark-mode on -n -o text
  [[ "$output" == *"dark-mode variant off -> on"* ]]
  diff "$TEST_DIR/before" "$file"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "slips are answered with the nearest, exit 2, and nothing is touched" {
  exits 2 flags set dark-mod on
  [[ "$output" == *"did you mean 'dark-mode'?"* ]]
  exits 2 flags set color blu
  [[ "$output" == *"did you mean 'blue'?"* ]]
  exits 2 flags set dark-mode 120%
  exits 2 flags get mian dark-mode
  [[ "$output" == *"did you mean 'main'?"* ]]
  exits 2 flags lst
  [[ "$output" == *"did you mean 'list'?"* ]]
  exits 2 flags set dark-mode
  exits 2 flags list --store flgd:/x
  [[ "$output" == *"did you mean 'flagd:/x'?"* ]]
  exits 2 flags list --store flagd:/x main
  diff "$TEST_DIR/before" "$file"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "several stores: one must be named; without a configuration --store does" {
  printf 'A=1\nFEATURE_X=no # x\nAPI_KEY=secret\n' >"$TEST_DIR/app.env"
  flags_config "main: {flagd: $file}" "app: {env: $TEST_DIR/app.env}"
  exits 2 flags list
  [[ "$output" == *"main, app"* ]]
  exits 0 flags set app FEATURE_X on -o text
  grep -qx 'FEATURE_X=yes # x' "$TEST_DIR/app.env"
  exits 0 flags list app -o json
  [[ "$output" != *secret* ]]
  exits 1 flags get app API_KEY
  rm "$HAL9OPS_CONFIG"
  unset HAL9OPS_CONFIG
  cd "$TEST_DIR"
  exits 0 flags get --store env:app.env A -o text
  [[ "$output" == *"A=1"* ]]
  flags set --store flagd:flags.json dark-mode on -q
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  cd /
  diff "$TEST_DIR/before" "$file"
}

@test "YAML keeps its comments; a symlink stays one" {
  cat >"$TEST_DIR/real.yaml" <<'YAML'
flags: # ours
  dark-mode:
    state: DISABLED   # until Monday
    variants: {on: true, off: false}
    defaultVariant: off
YAML
  ln -s real.yaml "$TEST_DIR/link.yaml"
  cp "$TEST_DIR/real.yaml" "$TEST_DIR/before.yaml"
  exits 0 flags set --store "flagd:$TEST_DIR/link.yaml" dark-mode on -o text
  [ "$(readlink "$TEST_DIR/link.yaml")" = real.yaml ]
  grep -qx '    state: ENABLED   # until Monday' "$TEST_DIR/real.yaml"
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  diff "$TEST_DIR/before.yaml" "$TEST_DIR/real.yaml"
}

@test "no permission and a bind mount are told with what to do, exit 4 or 3, and the file is whole" {
  need_root
  chmod 0755 "$TEST_DIR"
  chmod 0644 "$file"
  mkdir "$TEST_DIR/state"
  chown 4711 "$TEST_DIR/state"
  mkdir -m 1777 "$TEST_DIR/l"
  exits 4 as_user 4711 env HAL9OPS_LOCK_DIR="$TEST_DIR/l" hal9-rollback flags set dark-mode on
  [[ "$output" == *"Permission denied"* ]]
  diff "$TEST_DIR/before" "$file"
  unshare -m true 2>/dev/null || skip "needs namespaces"
  # shellcheck disable=SC2016 # the inner shell expands it
  run unshare -m sh -c 'touch "$1/mounted.json" && mount --bind "$2" "$1/mounted.json" && hal9-rollback flags set --store flagd:"$1/mounted.json" dark-mode on' sh "$TEST_DIR" "$file"
  echo "$output"
  [ "$status" -eq 4 ]
  [[ "$output" == *"mount of its own"* ]]
  diff "$TEST_DIR/before" "$file"
  run find "$TEST_DIR" -name '.*hal9-*'
  [ -z "$output" ]
}

@test "an empty, a missing and a broken file are told, not taken for no flags" {
  : >"$file"
  exits 4 flags list
  [[ "$output" == *"is empty"* ]]
  rm "$file"
  exits 2 flags list
  [[ "$output" == *"no flags at all"* ]]
  echo '{"flags": {' >"$file"
  exits 4 flags set dark-mode on
  [[ "$output" == *"mend the file"* ]]
  [ "$(cat "$file")" = '{"flags": {' ]
}

@test "two tools at once on two flags: both changes are there" {
  for i in {1..5}; do
    start_in_background "$TEST_DIR/one.log" hal9-rollback flags set dark-mode "$i%" --no-notify
    one=$background_pid
    exits 0 flags set color "$([ $((i % 2)) = 1 ] && echo blue || echo red)" -q
    wait_for_exit "$one" 30
    [ "$exit_status" -eq 0 ] || fail "$(cat "$TEST_DIR/one.log")"
    [ "$(value dark-mode)" = "$i%" ]
  done
}

@test "whoever wants to hear of operations is told of the flags" {
  cat >"$TEST_DIR/page.sh" <<SH
#!/bin/sh
cat >>$TEST_DIR/paged
SH
  chmod 755 "$TEST_DIR/page.sh"
  NOTIFY="- {command: [$TEST_DIR/page.sh], on: [operation]}" flags_config "main: {flagd: $file}"
  exits 0 flags set dark-mode 25% -o text
  jq -es '.[0].flags == [{store: "main", type: "flagd", flag: "dark-mode", from: "variant off", to: "25%"}]' "$TEST_DIR/paged"
}

@test "watch tells what others change, until a signal" {
  start_in_background "$TEST_DIR/watch.log" hal9-rollback flags watch -o json
  watcher=$background_pid
  wait_for_log "$TEST_DIR/watch.log" "watching 2 flags"
  sed 's/"defaultVariant": "red"/"defaultVariant": "blue"/' "$file" >"$TEST_DIR/new"
  mv "$TEST_DIR/new" "$file"
  wait_for_log "$TEST_DIR/watch.log" '"to":"variant blue"'
  cat "$TEST_DIR/before" >"$file"
  wait_for_log "$TEST_DIR/watch.log" '"from":"variant blue","to":"variant red"'
  flags set dark-mode off -q
  wait_for_log "$TEST_DIR/watch.log" '"flag":"dark-mode","from":"variant off","to":"off"'
  rm "$file"
  wait_for_log "$TEST_DIR/watch.log" "cannot open"
  cp "$TEST_DIR/before" "$file"
  wait_for_log "$TEST_DIR/watch.log" "can be read again"
  kill -TERM "$watcher"
  wait_for_exit "$watcher" 20
  [ "$exit_status" -eq 143 ]
}

@test "watch of one flag is silent about others" {
  start_in_background "$TEST_DIR/watch.log" hal9-rollback flags watch dark-mode -o json
  watcher=$background_pid
  wait_for_log "$TEST_DIR/watch.log" "watching 1 flags"
  flags set color blue -q
  flags set dark-mode on -q
  wait_for_log "$TEST_DIR/watch.log" '"flag":"dark-mode"'
  run grep '"flag":"color"' "$TEST_DIR/watch.log"
  [ "$status" -eq 1 ]
}

@test "watch follows a mounted volume, whose folder of data is swapped" {
  mkdir "$TEST_DIR/volume" "$TEST_DIR/volume/..1" "$TEST_DIR/volume/..2"
  cp "$TEST_DIR/before" "$TEST_DIR/volume/..1/flags.json"
  sed 's/"defaultVariant": "red"/"defaultVariant": "blue"/' "$TEST_DIR/before" >"$TEST_DIR/volume/..2/flags.json"
  ln -s ..1 "$TEST_DIR/volume/..data"
  ln -s ..data/flags.json "$TEST_DIR/volume/flags.json"
  start_in_background "$TEST_DIR/watch.log" hal9-rollback flags watch --store "flagd:$TEST_DIR/volume/flags.json" -o json
  wait_for_log "$TEST_DIR/watch.log" "watching 2 flags"
  ln -s ..2 "$TEST_DIR/volume/..new"
  mv -T "$TEST_DIR/volume/..new" "$TEST_DIR/volume/..data"
  wait_for_log "$TEST_DIR/watch.log" '"to":"variant blue"' 5
}
