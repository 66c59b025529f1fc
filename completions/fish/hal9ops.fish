# fish completion for the hal9ops tools. Options and subcommands are what --help says.

function __hal9ops_options
    $argv[1] --help 2>/dev/null | string match -rg '^ +(?:-[a-z], )?(--[a-z0-9-]+)'
end

function __hal9ops_commands
    $argv[1] --help 2>/dev/null | sed -n '3,/^Options:/s/^  \([a-z]*\) .*/\1/p'
end

function __hal9ops_services
    for file in $HAL9OPS_CONFIG ./hal9.yaml $HOME/.config/hal9ops/hal9.yaml /etc/hal9ops/hal9.yaml
        test -r "$file"; or continue
        sed -n '/^services:/,/^[^ #]/s/^  \([^ :#][^:]*\):.*/\1/p' $file
        return
    end
end

function __hal9ops_forms
    $argv[1] --help 2>/dev/null | string collect | string replace -a \n ' ' | string match -rg -- '--output=FORM +([^;]*);' | string split -n ' ' | string replace , '' | string match -v or
end

for command in hal9-health hal9-portfix hal9-restart hal9-rollback
    complete -c $command -f -a "(__hal9ops_commands $command)"
    complete -c $command -f -n 'string match -q -- "-*" (commandline -ct)' -a "(__hal9ops_options $command)"
    complete -c $command -s c -l config -r -F
    complete -c $command -l state-dir -r -F
    complete -c $command -l tone -x -a 'plain 3am salty'
    complete -c $command -l color -x -a 'auto always never'
    complete -c $command -l schema -x -a 'config records'
    complete -c $command -l force -x -a 'holder drift flap depends last-server foreign'
    complete -c $command -s o -l output -x -a "(__hal9ops_forms $command)"
end
for command in hal9-health hal9-portfix hal9-restart
    complete -c $command -f -a '(__hal9ops_services)'
end
