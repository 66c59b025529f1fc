#!/usr/bin/env bats
# Every example of the man pages, of README and of --help runs, in the world that the documents speak of. One that can't is in
# examples.list, with the reason; that list may only shrink.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load examples

@test "the list of examples that can't run is sorted, true, and no longer than it was" {
  list=$HAL9_SRC/tests/cli/examples.list
  LC_ALL=C sort -c "$list"
  [ "$(wc -l <"$list")" -le 4 ]
  examples
  while IFS=$'\t' read -r command reason; do
    [ -n "$reason" ] || fail "no reason for: $command"
    grep -rqxF -- "$command" "$TEST_DIR/examples" || fail "no document has it any more: $command"
  done <"$list"
}

@test "there are examples in every page of a command, in README and in every --help" {
  examples
  for page in "$HAL9_SRC"/man/*.1 README.md; do
    compgen -G "$TEST_DIR/examples/${page##*/}.*" >/dev/null || fail "$page has no example"
  done
  [ "$(find "$TEST_DIR/examples" -type f | wc -l)" -ge 25 ]
}

@test "examples that are records are valid JSON" {
  skip_unless jq
  examples
  for file in "$TEST_DIR"/examples/*; do
    [[ $(head -c 1 "$file") == '{' ]] || continue
    tr -d '\n' <"$file" | jq -e '.hal9 == 1' >/dev/null || fail "${file##*/}"
  done
}

# The commands among the examples, each once, whatever the document.
commands() {
  local file
  for file in "$TEST_DIR"/examples/*; do
    case $(head -n 1 "$file") in '{'* | 'hal9: 1' | '#'*) continue ;; esac
    ! cut -f 1 "$HAL9_SRC/tests/cli/examples.list" | grep -qxF -- "$(cat "$file")" || continue
    printf '%s %s\n' "$(sha256sum <"$file" | cut -c 1-16)" "$file"
  done | sort -u -k 1,1 | cut -d ' ' -f 2
}

@test "every example runs: exit 0, or 1 where something is wrong in that world" {
  need_namespaces
  skip_unless jq
  examples
  bad='' n=0
  for file in $(commands); do
    WORLD=$(mktemp -d "$TEST_DIR/world.XXXX")
    chmod 0755 "$WORLD"
    export WORLD
    readme_config >"$WORLD/hal9.yaml"
    code=0
    "$HAL9_SRC/tests/cli/examples-world.sh" "$file" >"$WORLD/told" 2>&1 3>&- || code=$?
    # Nagios' own code of what is failing.
    if [ "$code" -eq 2 ] && grep -q nagios "$file"; then code=1; fi
    n=$((n + 1))
    [ "$code" -le 1 ] || bad+="${file##*/}, exit $code: $(cat "$file")"$'\n'"$(tail -n 5 "$WORLD/told")"$'\n'
  done
  [ -z "$bad" ] || fail "$bad"
  [ "$n" -ge 15 ]
}

@test "the story of README, line by line, in one world: found, put right, nothing to do the second time, undone" {
  need_namespaces
  skip_unless jq
  export WORLD=$TEST_DIR/world
  mkdir "$WORLD"
  readme_config >"$WORLD/hal9.yaml"
  pipe=$(awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on && /^hal9-health \|/' "$HAL9_SRC/README.md")
  [ -n "$pipe" ]
  cat >"$TEST_DIR/story" <<SH
set -e
$pipe >one
$pipe >two
hal9-rollback history -o json >history
hal9-rollback undo "\$(jq -s -r '[.[] | select(.kind == "operation" and .by == "hal9-restart")][-1].id' history)" >/dev/null
hal9-rollback undo "\$(jq -s -r '[.[] | select(.kind == "operation" and .by == "hal9-portfix")][-1].id' history)" >/dev/null
hal9-portfix --list 8080 -o text >end || true
SH
  "$HAL9_SRC/tests/cli/examples-world.sh" "$TEST_DIR/story" >"$TEST_DIR/told" 2>&1 3>&- || fail "$(cat "$TEST_DIR/told")"
  [ "$(jq -s '[.[] | select(.kind == "operation")] | length' "$WORLD/history")" -eq 2 ] || fail "$(cat "$WORLD/history")"
  grep -q layer9-server "$WORLD/end"
}

@test "the examples of man/examples are read, by each command" {
  for file in "$HAL9_SRC"/man/examples/*.yaml; do
    cp "$file" "$TEST_DIR/copy.yaml"
    chmod 0644 "$TEST_DIR/copy.yaml"
    for command in "$HAL9_SRC"/cmd/hal9-*.c; do
      run "$HAL9_BIN/$(basename "$command" .c)" --check-config -c "$TEST_DIR/copy.yaml"
      [ "$status" -eq 0 ] || fail "$file: $output"
    done
  done
}
