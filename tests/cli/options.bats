#!/usr/bin/env bats
# One option table: --help, man page and completions may not disagree with it.

load ../real/common

commands() {
  local c
  for c in "$HAL9_SRC"/cmd/hal9-*.c; do basename "$c" .c; done
}

# The long options that --help prints.
help_options() {
  "$HAL9_BIN/$1" --help | grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+' | sort -u
}

# The long options that a page documents: ".It ... Fl Fl name ...".
page_options() {
  grep -hE '^\.It .*Fl Fl ' "$@" | grep -oE 'Fl Fl [a-z0-9-]+' | sed 's/Fl Fl /--/' | sort -u
}

# The options that only this command has.
own_options() {
  comm -23 <(help_options "$1") <(page_options "$HAL9_SRC/man/hal9ops.7")
}

@test "every command has a page, and every page of section 1 a command" {
  diff <(commands) <(cd "$HAL9_SRC/man" && printf '%s\n' hal9-*.1 | sed 's/\.1$//')
}

@test "the common options of hal9ops(7) are in every command's help" {
  for c in $(commands); do
    diff <(page_options "$HAL9_SRC/man/hal9ops.7") <(comm -12 <(help_options "$c") <(page_options "$HAL9_SRC/man/hal9ops.7"))
  done
}

@test "each command's own options are those of its page" {
  for c in $(commands); do
    diff <(own_options "$c") <(page_options "$HAL9_SRC/man/$c.1")
  done
}

@test "help is at most 80 columns wide, goes to stdout, and has two examples" {
  for c in $(commands); do
    [ "$("$HAL9_BIN/$c" --help 2>/dev/null | awk '{ if (length($0) > max) max = length($0) } END { print max }')" -le 80 ]
    [ "$("$HAL9_BIN/$c" --help | sed -n '/^Examples:/,/^See /p' | grep -cE "^  hal9-")" -eq 2 ]
  done
}

@test "a wrong option is answered with the nearest right one, exit 2" {
  for c in $(commands); do
    run "$HAL9_BIN/$c" --dry-rum
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean '--dry-run'?"* ]]
  done
}

@test "a wrong word for an option is answered with the nearest right one, exit 2" {
  for c in $(commands); do
    run "$HAL9_BIN/$c" --output=jsom
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean 'json'?"* ]]
    run "$HAL9_BIN/$c" --force=holdr
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean 'holder'?"* ]]
  done
}

@test "--version names the command" {
  for c in $(commands); do
    run "$HAL9_BIN/$c" --version
    [ "$status" -eq 0 ]
    [[ $output =~ ^$c\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  done
}

@test "the schemas are JSON and name what the contract names" {
  skip_unless jq
  for c in $(commands); do
    "$HAL9_BIN/$c" --schema config | jq -e '.properties.services' >/dev/null
    "$HAL9_BIN/$c" --schema records | jq -e 'tostring | contains("port_conflict") or contains("verdict")' >/dev/null
  done
}

@test "every key of the configuration's schema is in hal9.yaml(5)" {
  skip_unless jq
  page=$(cat "$HAL9_SRC/man/hal9.yaml.5")
  for key in $("$HAL9_BIN/hal9-health" --schema config | jq -r '[.. | objects | .properties? | objects | keys[]] | unique | .[]'); do
    grep -qE "(^|[ ,])$key([ ,]|\$)" <<<"$page" || fail "$key is not in hal9.yaml(5)"
  done
}

@test "every kind and field of the records is in hal9-records(5)" {
  skip_unless jq
  for key in $("$HAL9_BIN/hal9-health" --schema records | jq -r '[.. | objects | .properties? | objects | keys[]] | unique | .[]'); do
    grep -qE "(^|[ ,])$key([ ,]|\$)" "$HAL9_SRC/man/hal9-records.5" || fail "$key is not in hal9-records(5)"
  done
}
