#!/bin/sh
# top-level.sh TREE: what stands at the top level and should not, or should and does not.
set -eu
cd "$1"
wanted='.ci .clang-format .clang-tidy .editorconfig .gitignore CMakeLists.txt LICENSE README.md cmd completions lib man tests'
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    # What git ignores (build directories) does not count; what is new and not ignored does.
    found=$(git ls-files --cached --others --exclude-standard | cut -d/ -f1 | LC_ALL=C sort -u)
else
    found=$(find . -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name .git ! -name .cache | cut -c3- | LC_ALL=C sort)
fi
for name in $found; do
    case " $wanted " in
    *" $name "*) ;;
    *) echo "$name: not part of the house" ;;
    esac
done
for name in $wanted; do
    [ -e "$name" ] || echo "$name: missing"
done
