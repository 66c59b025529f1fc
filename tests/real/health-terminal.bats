#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# hal9-health at a terminal: the banner at 3am, narrow ones, colours, locales. A pipe or a file sees none of it.

load common
load health

setup() {
  common_setup
  skip_unless script bsdutils
  skip_unless jq
  open_site
  unset NO_COLOR LC_ALL LC_CTYPE HAL9OPS_TONE
  export LANG=C.UTF-8 TERM=xterm TZ=UTC HAL9OPS_NOW=2026-11-23T13:00:00Z
  free_port
  services <<YAML
  hal9-server:
    port: $free_port
    run: {exec: ["$TEST_DIR/bin/hal9-server", --port, "$free_port"]}
    checks: [{http: "http://127.0.0.1:$free_port/health"}]
  postgres: {checks: [{file: $TEST_DIR}]}
YAML
}

# at_terminal COLUMNS ARGUMENT…: what hal9-health writes to stdout at a terminal so wide; stderr goes to a file.
at_terminal() {
  local columns=$1 command
  shift
  printf -v command '%q ' hal9-health "$@"
  run script -qec "stty cols $columns; $command 2>$TEST_DIR/stderr" /dev/null </dev/null
  output=${output//$'\r'/}
}

plain() { # without escapes
  # shellcheck disable=SC2001
  sed 's/\x1b\[[0-9;]*[mK]//g' <<<"$output"
}

widest() {
  plain | awk '{ if (length($0) > max) max = length($0) } END { print max + 0 }'
}

has_banner() {
  grep -qE '^#+( +#+){3,}' < <(plain)
}

at_3am() {
  export HAL9OPS_NOW=2026-11-23T03:04:05Z
}

@test "by day: words, and the next step at the end of the last line" {
  at_terminal 80
  exits 1
  says "1 of 2 services failing. Next: hal9-"
  run has_banner
  [ "$status" -ne 0 ]
}

@test "at 3am: big letters first, a numbered list last" {
  at_3am
  at_terminal 80
  exits 1
  has_banner
  [ "$(plain | sed -n '/What to do next:/,$p' | sed -n 2p)" = "  1. hal9-restart hal9-server" ]
  [ "$(widest)" -le 80 ]
}

@test "the hour is the local one, and --tone says otherwise" {
  export TZ=XXX-9 # 13:00 UTC is 22:00 there, 18:30 UTC is 03:30
  HAL9OPS_NOW=2026-11-23T18:30:00Z at_terminal 80
  has_banner
  HAL9OPS_NOW=2026-11-23T18:30:00Z at_terminal 80 --tone plain
  run has_banner
  [ "$status" -ne 0 ]
  at_terminal 80 --tone 3am
  has_banner
  at_terminal 80
  run has_banner
  [ "$status" -ne 0 ]
}

@test "all is well at 3am: no letters" {
  at_3am
  at_terminal 80 postgres
  exits 0
  run has_banner
  [ "$status" -ne 0 ]
}

@test "below 60 columns: no banner, and no line is wider than the terminal" {
  at_3am
  at_terminal 60
  has_banner
  [ "$(widest)" -le 60 ]
  for columns in 59 40; do
    at_terminal "$columns" --tone 3am -v
    exits 1
    says "hal9-restart hal9-server"
    run has_banner
    [ "$status" -ne 0 ]
    at_terminal "$columns" --tone 3am -v
    [ "$(widest)" -le "$columns" ]
  done
}

@test "scripts and pipes never see it" {
  at_3am
  for tone in 3am salty; do
    run --separate-stderr hal9-health -o text --tone "$tone"
    exits 1
    never_says "####"
    never_says "What to do next"
    never_says $'\033'
    run --separate-stderr hal9-health --tone "$tone"
    [ "$(jq -s 'length > 0' <<<"$output")" = true ]
  done
}

@test "colours at a terminal; none with NO_COLOR, TERM=dumb, --color never; --color always beats them" {
  at_terminal 80
  says $'\033[31m'
  NO_COLOR=1 at_terminal 80
  never_says $'\033'
  NO_COLOR='' at_terminal 80
  says $'\033[31m'
  TERM=dumb at_terminal 80
  never_says $'\033'
  at_terminal 80 --color never
  never_says $'\033'
  NO_COLOR=1 at_terminal 80 --color always
  says $'\033[31m'
  run --separate-stderr hal9-health -o text
  never_says $'\033'
}

@test "plain tone is ASCII in every locale" {
  at_3am
  for locale in C C.UTF-8 ko_KR.UTF-8; do
    for tone in plain 3am; do
      LANG=$locale at_terminal 80 --tone "$tone" -v
      exits 1
      [ -z "$(tr -d '\000-\177' <<<"$output")" ]
    done
  done
}

@test "salty speaks Korean at 3am, where that can be shown" {
  at_3am
  LANG=ko_KR.UTF-8 at_terminal 80 --tone salty
  says "우주가"
  LANG=C at_terminal 80 --tone salty
  [ -z "$(tr -d '\000-\177' <<<"$output")" ]
}

@test "a name in Korean: columns stay in line; in the C locale it is '?'" {
  services <<YAML
  서버: {checks: [{file: $TEST_DIR}]}
  postgres: {checks: [{file: $TEST_DIR}]}
YAML
  LANG=ko_KR.UTF-8 at_terminal 80 --color never
  exits 0
  # Two columns each: four of twelve are taken, eight blanks and the two between are left.
  says ". 서버          healthy"
  says ". postgres      healthy"
  LANG=C at_terminal 80 --color never
  says ". ??            healthy"
  [ -z "$(tr -d '\000-\177' <<<"$output")" ]
  run hal9-health -o json
  says '"service":"서버"'
}

@test "what an answer says can't talk to the terminal" {
  printf '#!/bin/sh\nprintf "\\033]0;title\\007\\033[2Jgone\\n"; exit 2\n' >"$TEST_DIR/rude"
  chmod +x "$TEST_DIR/rude"
  at_terminal 80 --color never "command:$TEST_DIR/rude"
  exits 1
  never_says $'\033'
  never_says $'\007'
  says "gone"
}

@test "a watch at a terminal says each change once, in its columns" {
  at_terminal 40 watch --every 100ms --rounds 3 --color never
  exits 1
  [ "$(grep -c "hal9-server" < <(grep failing <<<"$output"))" -eq 1 ]
  [ "$(widest)" -le 40 ]
}
