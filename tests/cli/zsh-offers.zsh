#!/usr/bin/env zsh
# zsh-offers.zsh DIRECTORY LINE: what a real, interactive zsh with the completions of that directory offers for a line, one word
# a line. The shell runs in a terminal of its own; its matches are those that compadd adds.
zmodload zsh/zpty || exit 77
zpty z zsh -f -i
line=
expect() { # TEXT: reads until it comes, at most 20 s
  local seen= chunk
  integer end=$((SECONDS + 20))
  while ((SECONDS < end)); do
    if zpty -r -t z chunk; then
      seen+=$chunk
      [[ $seen == *$1* ]] && { line=$seen; return 0 }
    else
      zselect -t 5 2>/dev/null || true
    fi
  done
  print -ru2 - "zsh said: $seen"
  exit 1
}
zmodload zsh/zselect
setup=$(mktemp)
trap 'rm -f $setup $setup.dump' EXIT
cat >$setup <<SETUP
PROMPT= RPROMPT=
unsetopt zle_bracketed_paste 2>/dev/null
zle_bracketed_paste=()
fpath=(${(q)1} \$fpath)
autoload -U compinit
compinit -u -d $setup.dump
setopt no_beep
bindkey '^I' complete-word
zstyle ':completion:*' menu no
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "\$@"
    return
  fi
  typeset -a hits
  builtin compadd -A hits "\$@"
  print -r -- "<offers>\${(j: :)hits}</offers>"
  builtin compadd "\$@"
}
compdone() { print -r -- '<do''ne>' }
comppostfuncs=(compdone)
print -r -- '<rea''dy>'
SETUP
zpty -w z "source $setup"
expect '<ready>'
zpty -w -n z "$2"$'\t'
expect '<done>'
while [[ $line == *'<offers>'* ]]; do
  line=${line#*<offers>}
  print -rl -- ${=line%%</offers>*}
done
