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
