# floors.awk: the house calls only downward. Run in a tree's top directory on its lib/ and cmd/ sources; prints each
# include that goes up a floor or to a neighbour, as FILE:LINE: why.
BEGIN {
    floor["base"] = 0
    floor["sys"] = floor["doc"] = floor["net"] = 1
    floor["store"] = floor["kube"] = 2
    floor["op"] = 3
    floor["check"] = floor["workload"] = floor["balancer"] = floor["flag"] = floor["notify"] = floor["capacity"] = 4
    floor["config"] = 5
    floor["health"] = floor["portfix"] = floor["restart"] = floor["rollback"] = floor["scale"] = 6
    floor["hal9ops"] = 6 # hal9ops/hal9ops.h includes them all
    floor["cmd"] = 7
}

# The room that a header or source stands in: its directory, or for engines and public headers its own name
# (restart.h and restart-plan.c are of restart).
function stem(name) {
    sub(/\.[ch]$/, "", name)
    sub(/-.*/, "", name)
    return name
}
function room_of_file(path, part, n) {
    n = split(path, part, "/")
    if (part[1] == "cmd")
        return "cmd"
    if (part[2] == "include")
        return stem(part[n])
    return n == 2 ? stem(part[2]) : part[2]
}
function room_of_include(name, part, n) {
    n = split(name, part, "/")
    return part[1] == "hal9ops" || n == 1 ? stem(part[n]) : part[1]
}
function complain(why) {
    print FILENAME ":" FNR ": " why
}

FNR == 1 {
    room = room_of_file(FILENAME)
    if (!(room in floor))
        complain("'" room "' is no room of the house")
}

!(room in floor) { next }
/^[ \t]*#[ \t]*include[ \t]*"/ || /^[ \t]*#[ \t]*include[ \t]*<hal9ops\// {
    name = $0
    sub(/^[^"<]*["<]/, "", name)
    sub(/[">].*/, "", name)
    if (name ~ /\.\./) {
        complain("'" name "' climbs by ..")
        next
    }
    if (room == "cmd" && name !~ /\//)
        next
    target = room_of_include(name)
    if (!(target in floor))
        complain("'" name "' is in no room of the house")
    else if (target == room || room == "hal9ops" || floor[target] < floor[room])
        next
    else if (room == "net" && (target == "sys" || target == "doc"))
        next
    else if (floor[target] == floor[room])
        complain(room " (floor " floor[room] ") includes '" name "' of its neighbour " target)
    else
        complain(room " (floor " floor[room] ") includes '" name "' of " target " (floor " floor[target] ")")
}
