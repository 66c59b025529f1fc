#!/usr/bin/env bats
# .ci/install with a dpkg, an apt and a user of our own: what is missing is installed or named, servers stay down.

fake() { # NAME, script on stdin
  { echo '#!/bin/sh'; cat; } >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

setup() {
  cd "$BATS_TEST_TMPDIR"
  mkdir bin
  export PATH="$BATS_TEST_TMPDIR/bin:$PATH" HAL9_POLICY_RC="$BATS_TEST_TMPDIR/policy-rc.d"
  printf '# words\nhere # more words\n\nmissing-a\n' >one
  printf 'missing-b\nmissing-a\n' >two
  fake dpkg-query <<<'printf "installed here\nconfig-files missing-a\n"'
  fake id <<<'echo 0'
  fake apt-get <<'SH'
echo "$*" >>apt.log
[ "$2" = update ] || { "$HAL9_POLICY_RC"; echo "policy says $?" >>apt.log; }
exit ${APT_EXIT:-0}
SH
}

@test "nothing is done where nothing is missing" {
  echo here >all
  run "$HAL9_SRC/.ci/install" all
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ ! -e apt.log ]
}

@test "what is missing is installed, under a policy that starts no server and goes away" {
  run "$HAL9_SRC/.ci/install" one two
  [ "$status" -eq 0 ]
  grep -qx -- '-qq install -y --no-install-recommends missing-a missing-b' apt.log
  grep -qx 'policy says 101' apt.log
  [ ! -e policy-rc.d ]
}

@test "the policy that was there comes back, even when apt fails" {
  printf '#!/bin/sh\n# the old one\nexit 104\n' >policy-rc.d
  APT_EXIT=100 run "$HAL9_SRC/.ci/install" one
  [ "$status" -eq 1 ]
  [[ "$output" == *"could not install all of: missing-a"* ]]
  grep -q 'the old one' policy-rc.d
  [ "$(find . -name 'policy-rc.d*' | wc -l)" -eq 1 ]
}

@test "who is not root is told the names" {
  fake id <<<'echo 1000'
  run "$HAL9_SRC/.ci/install" one two
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "not root, so not installed: missing-a missing-b" ]
  [ ! -e apt.log ]
}

@test "every package that is listed has a plain name" {
  for file in "$HAL9_SRC"/.ci/packages "$HAL9_SRC"/.ci/packages.build; do
    run grep -vE '^#|^$|^[a-z0-9][a-z0-9+.-]*( +#.*)?$' "$file"
    [ -z "$output" ]
  done
}
