#!/usr/bin/env bats
# Completions: every option of --help, subcommands and services are offered.

load ../real/common

# What bash would offer for a command line; the last word is the one to complete.
offers() {
  PATH=$HAL9_BIN:$PATH bash -c '
    . "$HAL9_SRC/completions/bash/hal9ops"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _hal9ops "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}

@test "bash offers every long option of --help" {
  for c in health portfix restart rollback; do
    diff <("$HAL9_BIN/hal9-$c" --help | grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+' | sort) <(offers "hal9-$c" -- | sort)
  done
}

@test "bash offers subcommands and services" {
  [ "$(offers hal9-rollback h)" = history ]
  cd "$TEST_DIR"
  printf 'hal9: 1\nservices:\n  web-front:\n    checks: [{tcp: "127.0.0.1:1"}]\n  database:\n    checks: [{tcp: "127.0.0.1:2"}]\nnotify: []\n' >hal9.yaml
  [ "$(offers hal9-restart web)" = web-front ]
  [ "$(offers hal9-portfix data)" = database ]
}

@test "bash offers the words of an option" {
  [ "$(offers hal9-health --tone s)" = salty ]
  [ "$(offers hal9-health --force d)" = "$(printf 'drift\ndepends')" ]
}

@test "zsh and fish name every command" {
  for c in "$HAL9_SRC"/cmd/hal9-*.c; do
    c=$(basename "$c" .c)
    grep -qw -- "$c" "$HAL9_SRC/completions/zsh/_hal9ops"
    grep -qw -- "$c" "$HAL9_SRC/completions/fish/hal9ops.fish"
    [ -e "$HAL9_SRC/completions/bash/$c" ]
    [ -e "$HAL9_SRC/completions/fish/$c.fish" ]
  done
}

# The same of a real zsh and a real fish.
zsh_offers() {
  PATH=$HAL9_BIN:$PATH timeout 60 zsh -f "$HAL9_SRC/tests/cli/zsh-offers.zsh" "$HAL9_SRC/completions/zsh" "$*" 3>&- | sed '/^$/d' | sort -u
}

fish_offers() {
  PATH=$HAL9_BIN:$PATH HOME=$TEST_DIR timeout 60 fish --no-config -c "set -p fish_complete_path $HAL9_SRC/completions/fish; complete -C '$*'" 3>&- |
    cut -f 1 | sed '/^$/d' | sort -u
}

long_options() {
  "$HAL9_BIN/$1" --help | grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+' | sort -u
}

@test "the words of options are those that the tools take, in all shells" {
  for pair in "tone:plain 3am salty" "color:auto always never" "schema:config records" "force:holder drift flap depends last-server foreign"; do
    option=${pair%%:*}
    for word in ${pair#*:}; do
      run "$HAL9_BIN/hal9-health" "--$option=$word" --check-config
      [[ $output != *"no-such"* && $status -eq 0 ]] || fail "--$option=$word: $output"
      for file in bash/hal9ops zsh/_hal9ops fish/hal9ops.fish; do
        grep -E -- "(--|-l )$option" "$HAL9_SRC/completions/$file" | grep -qw -- "$word" || fail "$file does not know --$option=$word"
      done
    done
    # And the tool knows no other: its answer to a wrong word names them all.
    run "$HAL9_BIN/hal9-health" "--$option=no-such-word"
    [ "$status" -eq 2 ]
    for word in ${pair#*:}; do [[ $output == *"$word"* ]] || fail "--$option: no '$word' in: $output"; done
  done
}

@test "zsh offers the options of --help, subcommands, services and the words of options" {
  skip_unless zsh
  cd "$TEST_DIR"
  printf 'hal9: 1\nservices:\n  web-front:\n    checks: [{tcp: "127.0.0.1:1"}]\n' >hal9.yaml
  for c in health rollback; do
    # An option that stands in the line already is not offered again: all but the shortest part that all share.
    diff <(long_options "hal9-$c") <(zsh_offers "hal9-$c --" | sed 's/=$//')
  done
  [ "$(zsh_offers 'hal9-rollback hi')" = history ]
  [ "$(zsh_offers 'hal9-restart web')" = web-front ]
  [ "$(zsh_offers 'hal9-health --tone s')" = salty ]
  [ "$(zsh_offers 'hal9-health -o n')" = nagios ]
}

@test "fish offers the options of --help, subcommands, services and the words of options" {
  skip_unless fish
  cd "$TEST_DIR"
  printf 'hal9: 1\nservices:\n  web-front:\n    checks: [{tcp: "127.0.0.1:1"}]\n' >hal9.yaml
  for c in health portfix restart rollback; do
    diff <(long_options "hal9-$c") <(fish_offers "hal9-$c --")
  done
  [ "$(fish_offers 'hal9-rollback hi')" = history ]
  [ "$(fish_offers 'hal9-restart web')" = web-front ]
  [ "$(fish_offers 'hal9-health --tone s')" = salty ]
  [ "$(fish_offers 'hal9-health -o n')" = nagios ]
}
