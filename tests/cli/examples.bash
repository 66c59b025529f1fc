# The examples of the documents: found, and run in a world of their own (see examples-world.sh).
# shellcheck shell=bash

# page_blocks FILE: its .Bd -literal blocks under EXAMPLES (and all of hal9ops(7)), each ended by a line "%%".
page_blocks() {
  awk -v all="$([[ $1 == *hal9ops.7 ]] && echo 1)" '
    /^\.Sh / { on = all || /EXAMPLES/ }
    on && /^\.Bd -literal/ { block = 1; next }
    block && /^\.Ed/ { block = 0; print "%%"; next }
    block { gsub(/\\e/, "\\"); gsub(/\\&/, ""); gsub(/\\-/, "-"); print }' "$1"
}

# readme_blocks: the lines of the sh blocks of README.md, each an example of its own.
readme_lines() {
  awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on { sub(/ +# .*/, ""); if ($0 != "") { print; print "%%" } }' "$HAL9_SRC/README.md"
}

# help_lines COMMAND: the examples of its --help.
help_lines() {
  "$HAL9_BIN/$1" --help | sed -n '/^Examples:/,/^See /p' | sed -n 's/^  \(hal9-\)/\1/p' | sed 's/$/\n%%/'
}

# examples: writes each example that is a command into its own file of TEST_DIR/examples, named by where it is from.
examples() {
  local page command
  mkdir -p "$TEST_DIR/examples"
  split_blocks() { # NAME <BLOCKS
    awk -v base="$TEST_DIR/examples/$1" 'BEGIN { n = 1 } /^%%$/ { n++; next } { printf "%s\n", $0 > sprintf("%s.%02d", base, n) }'
  }
  for page in "$HAL9_SRC"/man/*.[1-9]; do
    page_blocks "$page" | split_blocks "${page##*/}"
  done
  readme_lines | split_blocks README.md
  for command in "$HAL9_SRC"/cmd/hal9-*.c; do
    command=$(basename "$command" .c)
    help_lines "$command" | split_blocks "$command--help"
  done
}

# The first YAML block of README.md.
readme_config() {
  awk '/^```yaml/ { on = 1; next } /^```/ { if (on) exit } on' "$HAL9_SRC/README.md"
}
