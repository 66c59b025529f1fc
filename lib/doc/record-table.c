/* Every kind of record with its fields: the man page, the JSON Schema and the validator come from
 * here. Types: string, integer, number, boolean, time, object, strings, array, any, or words|of|a|choice. */
#include "base/cleanup.h"
#include "hal9ops/doc.h"

#define END \
    { .name = NULL }

static const struct hal9_record_field common[] = {
    {"hal9", "integer", NULL, true, "version of this format: 1"},
    {"kind", "string", NULL, true, "what the record tells"},
    {"time", "time", NULL, true, "when it was written"},
    {"host", "string", NULL, true, "name of the host"},
    {"machine", "string", NULL, true, "machine id of the host"},
    {"tool", "string", NULL, true, "the tool that says it"},
    {"stage", "integer", NULL, true, "1 for the first tool of a pipe, 2 for the next"},
    {"run", "string", NULL, true, "one incident is one run, through all tools of a pipe"},
};

static const struct hal9_record_field begin[] = {
    {"planned", "integer", NULL, false, "how many checks or services are meant to be looked at"},
    {"services", "strings", NULL, false, "the services that are meant"},
    {"ports", "strings", NULL, false, "the ports that are meant: 8080, 8000-8010, 53/udp"},
    {"round", "integer", NULL, false, "number of the round of a watch"},
    {"gap_ms", "integer", "ms", false,
     "for so long nothing was probed before it, as on a suspended machine"},
    END,
};
static const struct hal9_record_field end[] = {
    {"planned", "integer", NULL, true, "how many were meant"},
    {"ran", "integer", NULL, true, "how many were looked at"},
    {"passed", "integer", NULL, true, "how many were as they should be"},
    {"failed", "integer", NULL, true, "how many were not"},
    {"unknown", "integer", NULL, true, "how many could not be determined"},
    {"skipped", "integer", NULL, true, "how many were left out on purpose"},
    {"exit", "integer", NULL, true, "exit code of the tool"},
    {"resumable", "boolean", NULL, true, "whether hal9-rollback resume goes on"},
    {"round", "integer", NULL, false, "number of the round of a watch"},
    END,
};
static const struct hal9_record_field check[] = {
    {"service", "string", NULL, false, "the service it belongs to"},
    {"check", "string", NULL, true, "name of the check"},
    {"type", "string", NULL, true, "kind of check: http, tcp, owner, ..."},
    {"state", "pass|fail|unknown|skipped", NULL, true, "what came of it"},
    {"believed", "pass|fail|unknown|skipped", NULL, false,
     "what a watch believes, by rise and fall"},
    {"cause", "string", NULL, false, "why it failed, in one word"},
    {"reason", "string", NULL, false, "why, in words"},
    {"value", "any", NULL, false, "what was observed"},
    {"unit", "string", NULL, false, "unit of the value"},
    {"ms", "number", "ms", false, "how long it took"},
    {"critical", "boolean", NULL, false, "whether its failure makes the service failing"},
    {"evidence", "object", NULL, false, "what the verdict stands on"},
    END,
};
static const struct hal9_record_field verdict[] = {
    {"service", "string", NULL, true, "name of the service"},
    {"state", "healthy|degraded|failing|unknown|held", NULL, true, "how it is"},
    {"cause", "string", NULL, false,
     "why, in one word: port_conflict, not_running, check_failed, wrong_owner, resource, "
     "dependency, operation, no_checks, held, restart_limit"},
    {"reason", "string", NULL, false, "why, in words"},
    {"score", "number", NULL, false, "weighted share of its checks that pass, 0 to 1"},
    {"blocked_by", "strings", NULL, false, "services it depends on that are not healthy"},
    {"checks", "object", NULL, false, "counts: planned, passed, failed, unknown"},
    {"since", "time", NULL, false, "since when it is so; a watch knows"},
    {"before", "healthy|degraded|failing|unknown|held", NULL, false,
     "how it was, where that has just changed"},
    {"before_ms", "integer", "ms", false, "for how long it was so"},
    {"flapping", "boolean", NULL, false, "it changes so often that a change is no news"},
    {"changes", "integer", NULL, false, "how often it has changed lately"},
    {"evidence", "object", NULL, false,
     "pid, started, exe, unit of a listener; peer, url, fingerprint, query, answer"},
    END,
};
static const struct hal9_record_field holder[] = {
    {"service", "string", NULL, false, "the service that should have the port"},
    {"port", "integer", NULL, true, "the port"},
    {"proto", "tcp|udp", NULL, true, "its protocol"},
    {"address", "string", NULL, false, "local address it is bound to; several joined by commas"},
    {"answer", "free|owner|other|hidden|time_wait|respawned|released", NULL, true, "whose it is"},
    {"pid", "integer", NULL, false, "process that has it; missing where nobody has or is seen"},
    {"started", "time", NULL, false, "when that process started"},
    {"exe", "string", NULL, false, "its executable"},
    {"name", "string", NULL, false, "its name"},
    {"unit", "string", NULL, false, "the systemd unit it belongs to"},
    {"container", "string", NULL, false, "the container it runs in"},
    {"user", "string", NULL, false, "the user it runs as"},
    {"supervisor", "string", NULL, false, "who would start it again"},
    {"shared", "boolean", NULL, false, "whether other processes may have the same socket"},
    {"reason", "string", NULL, false, "the answer in words; of several holders the first has it"},
    {"next", "string", NULL, false, "what to do next"},
    END,
};
static const struct hal9_record_field step[] = {
    {"operation", "string", NULL, false, "id of the operation; missing in a dry run"},
    {"step", "string", NULL, true, "name of the step"},
    {"step_kind", "string", NULL, true, "what it does"},
    {"title", "string", NULL, false, "what it does, in words"},
    {"state", "pending|running|done|skipped|warned|failed|not_run", NULL, true, "how far it is"},
    {"index", "integer", NULL, false, "its number, from 1"},
    {"count", "integer", NULL, false, "how many steps there are"},
    {"ms", "number", "ms", false, "how long it took"},
    {"reason", "string", NULL, false, "why it was skipped or failed"},
    {"hint", "string", NULL, false, "what to do next"},
    {"before", "any", NULL, false, "what was there"},
    {"intent", "any", NULL, false, "what was to be there"},
    {"after", "any", NULL, false, "what is there now"},
    {"detail", "any", NULL, false, "what else came of it"},
    END,
};
static const struct hal9_record_field operation[] = {
    {"id", "string", NULL, true, "its id; any unique beginning or end of it will do"},
    {"by", "string", NULL, true, "the tool that did it"},
    {"state", "open|done|failed|aborted|superseded|undone", NULL, true, "how it ended"},
    {"running", "boolean", NULL, false, "whether its tool is at work now"},
    {"title", "string", NULL, false, "what it did, in words"},
    {"service", "string", NULL, false, "the service it was for"},
    {"user", "string", NULL, false, "who did it"},
    {"steps", "integer", NULL, false, "how many steps it has"},
    {"done", "integer", NULL, false, "how many of them are done"},
    {"started", "time", NULL, false, "when it began"},
    {"ended", "time", NULL, false, "when it ended"},
    {"resumable", "boolean", NULL, false, "whether hal9-rollback resume goes on"},
    {"held", "string", NULL, false, "why it stands still until a person has decided"},
    {"undoes", "strings", NULL, false, "operations that it took back"},
    {"undone_by", "string", NULL, false, "the operation that took it back"},
    {"flags", "array", NULL, false,
     "feature flags that it changed: store, type, flag, from, to of each"},
    END,
};
static const struct hal9_record_field snapshot[] = {
    {"id", "string", NULL, true, "its id"},
    {"name", "string", NULL, false, "its name"},
    {"taken", "time", NULL, false, "when it was taken"},
    {"plan", "string", NULL, false, "the plan whose parts it has"},
    {"parts", "strings", NULL, false,
     "what it holds: files, flags, balancer, release, command, service"},
    {"gaps", "strings", NULL, false, "parts that could not be read then"},
    {"files", "integer", NULL, false, "how many files it holds"},
    {"bytes", "integer", "bytes", false, "its size"},
    {"healthy", "boolean", NULL, false, "whether all was well then"},
    {"why", "asked|healthy|before|rehearsal|imported", NULL, false, "what it was taken for"},
    {"did", "taken|deleted|exported|imported", NULL, false, "what was done with it just now"},
    {"against", "string", NULL, false, "diff: the other snapshot; absent: now"},
    {"differences", "array", NULL, false, "diff: {part, path, change, ...} for each"},
    {"document", "object", NULL, false, "show: the whole of it"},
    END,
};
static const struct hal9_record_field rehearsal[] = {
    {"strategy", "immediate|gradual|partial", NULL, true, "how it was rolled back"},
    {"killed", "string", NULL, false,
     "where the rollback was killed, to be resumed: first change, middle, last change, line 4"},
    {"lines", "string", NULL, false, "that line of the journal, and of how many"},
    {"part", "string", NULL, true, "the part; rollback: all of it"},
    {"state", "pass|fail|unknown|skipped", NULL, true, "whether it came back as it was before"},
    {"reason", "string", NULL, false, "what differs, or why it was left out, in words"},
    {"ms", "number", "ms", false, "how long its steps took"},
    {"run_ms", "number", "ms", false, "how long the whole rollback took"},
    {"sandbox", "boolean", NULL, false, "whether it was on copies"},
    END,
};
static const struct hal9_record_field flag[] = {
    {"store", "string", NULL, true, "name of the flag store"},
    {"flag", "string", NULL, true, "name of the flag"},
    {"type", "string", NULL, false, "kind of the store: flagd, unleash, env, http"},
    {"value", "string", NULL, false, "its value, in a word or two, where none is told to change"},
    {"from", "any", NULL, false, "its value before a change, in a word or two"},
    {"to", "any", NULL, false, "its value after it"},
    {"state", "any", NULL, false, "all of it, as the store has it now"},
    {"user", "string", NULL, false, "who changed it, where that is known"},
    {"operation", "string", NULL, false,
     "the operation that changed it; missing: somebody else did"},
    END,
};
static const struct hal9_record_field backend[] = {
    {"balancer", "string", NULL, true, "name of the balancer"},
    {"backend", "string", NULL, true, "name of the backend"},
    {"server", "string", NULL, false, "the server"},
    {"weight", "number", NULL, false, "its weight"},
    {"state", "string", NULL, false, "up, drain, maint, down"},
    {"sessions", "integer", NULL, false, "its sessions now"},
    END,
};
static const struct hal9_record_field sample[] = {
    {"metric", "string", NULL, true, "what was measured"},
    {"value", "number", NULL, true, "its value"},
    {"unit", "string", NULL, false, "unit of the value"},
    {"service", "string", NULL, false, "the service it belongs to"},
    {"plan", "string", NULL, false, "the rollback plan it is measured for"},
    {"count", "number", NULL, false, "of how many requests or events it tells"},
    {"labels", "object", NULL, false, "what tells it from others of its name"},
    {"at", "time", NULL, false, "when it was measured, where that isn't time"},
    END,
};
static const struct hal9_record_field forecast[] = {
    {"metric", "string", NULL, true, "what is forecast"},
    {"at", "time", NULL, true, "the moment it is forecast for"},
    {"value", "number", NULL, true, "the expected value"},
    {"low", "number", NULL, false, "lower end of the interval"},
    {"high", "number", NULL, false, "upper end of the interval"},
    {"unit", "string", NULL, false, "unit of the values"},
    {"method", "string", NULL, false, "how it was computed"},
    END,
};
static const struct hal9_record_field decision[] = {
    {"workload", "string", NULL, false, "the workload that is scaled"},
    {"from", "integer", "replicas", false, "how many there were"},
    {"to", "integer", "replicas", false, "how many there should be"},
    {"plan", "string", NULL, false, "the rollback plan that is watched"},
    {"action", "fired|held|cooldown|attempts", NULL, false,
     "what its trigger led to: the rollback, or why there is none"},
    {"trigger", "error_rate|p99|score", NULL, false, "what went beyond its limit"},
    {"service", "string", NULL, false, "the service it was measured of"},
    {"value", "number", NULL, false, "the newest value"},
    {"limit", "number", NULL, false, "what it must not go beyond"},
    {"unit", "string", NULL, false, "unit of both"},
    {"window_ms", "integer", "ms", false, "for how long it must go on"},
    {"since", "time", NULL, false, "since when it is beyond"},
    {"until", "time", NULL, false, "the end of the cool-down"},
    {"reason", "string", NULL, false, "why, in words"},
    {"at", "time", NULL, false, "the moment it is about"},
    {"metrics", "array", NULL, false, "what it stands on"},
    END,
};
static const struct hal9_record_field plan[] = {
    {"workload", "string", NULL, false, "the workload it is for"},
    {"service", "string", NULL, false, "the service it is for"},
    {"title", "string", NULL, false, "what would be done, in words"},
    {"users", "integer", "users", false, "users it is made for"},
    {"replicas", "integer", "replicas", false, "replicas it wants"},
    {"cpu", "number", "cores", false, "CPU of all replicas"},
    {"memory", "integer", "bytes", false, "memory of all replicas"},
    {"cost", "number", NULL, false, "cost a month"},
    {"currency", "string", NULL, false, "currency of the cost"},
    {"steps", "array", NULL, false, "its steps, in order"},
    END,
};
static const struct hal9_record_field object[] = {
    {"cluster", "string", NULL, false, "the cluster it is in"},
    {"namespace", "string", NULL, false, "its namespace"},
    {"api_version", "string", NULL, true, "its API version"},
    {"object_kind", "string", NULL, true, "its kind: Deployment, Service, ..."},
    {"name", "string", NULL, true, "its name"},
    {"action", "string", NULL, false, "created, changed, unchanged, deleted"},
    {"diff", "any", NULL, false, "what is different"},
    END,
};
static const struct hal9_record_field notification[] = {
    {"id", "string", NULL, false, "its id in the spool"},
    {"to", "string", NULL, true, "who is told"},
    {"type", "string", NULL, true, "command, webhook, pagerduty, ..."},
    {"state", "queued|sent|failed|dropped", NULL, true, "how far it is"},
    {"event", "string", NULL, false, "what it is about: failing, recovered, ..."},
    {"service", "string", NULL, false, "the service it is about"},
    {"key", "string", NULL, false, "one incident has one key"},
    {"tries", "integer", NULL, false, "how often it was tried"},
    {"since", "time", NULL, false, "when it was spooled"},
    {"next", "time", NULL, false, "when it is tried again"},
    {"configured", "boolean", NULL, false, "whether the configuration has its receiver"},
    {"reason", "string", NULL, false, "why it failed"},
    END,
};
static const struct hal9_record_field pruned[] = {
    {"what", "string", NULL, true, "what sort of thing: operations"},
    {"would", "boolean", NULL, true, "whether they only would be removed: a dry run"},
    {"removed", "integer", NULL, true, "how many went"},
    {"kept", "integer", NULL, true, "how many stay"},
    {"open", "integer", NULL, false, "how many of them have no end"},
    {"needed", "integer", NULL, false, "how many old ones stay for what else stays"},
    {"bytes", "integer", "bytes", true, "what is free again on the disk"},
    {"ids", "strings", NULL, false, "those that went; of many the oldest thousand"},
    {"damaged", "strings", NULL, false, "those that can't be read, and stay"},
    END,
};
static const struct hal9_record_field hold[] = {
    {"service", "string", NULL, true, "the service that is held"},
    {"user", "string", NULL, false, "who put it"},
    {"since", "time", NULL, true, "since when"},
    {"until", "time", NULL, true, "when it ends by itself"},
    {"why", "string", NULL, false, "why, as it was told"},
    {"reason", "string", NULL, false, "all of it in words"},
    END,
};
static const struct hal9_record_field problem[] = {
    {"message", "string", NULL, true, "what is wrong, in words"},
    {"code", "string", NULL, true, "what kind of error it is: usage, config, io, busy, ..."},
    {"file", "string", NULL, false, "the input that is at fault; - is stdin"},
    {"line", "integer", NULL, false, "its line, from 1"},
    {"col", "integer", NULL, false, "its column, from 1"},
    {"hint", "string", NULL, false, "what to do next"},
    END,
};

static const struct hal9_record_kind kinds[] = {
    {"begin", "a stage of the pipe begins", begin},
    {"end", "a stage of the pipe has come to its end; without it the stream was cut off", end},
    {"check", "one check has run", check},
    {"verdict", "how a service is", verdict},
    {"holder", "who has a port", holder},
    {"step", "a step of an operation", step},
    {"operation", "an operation; run is the one that made it", operation},
    {"snapshot", "a snapshot", snapshot},
    {"rehearsal", "a part after a rollback that was rehearsed", rehearsal},
    {"flag", "a feature flag: its value, or a change of it", flag},
    {"backend", "a server behind a balancer", backend},
    {"sample", "a measured value", sample},
    {"forecast", "an expected value", forecast},
    {"decision", "what a scaling algorithm, or a watch that rolls back, decided", decision},
    {"plan", "what would be done", plan},
    {"object", "an object of a cluster", object},
    {"notification", "somebody was told, or was not", notification},
    {"pruned", "old things that were removed", pruned},
    {"hold", "a service that every tool keeps its hands off", hold},
    {"problem", "an error", problem},
};

const struct hal9_record_kind *hal9_record_kinds(size_t *ret_n) {
    *ret_n = HAL9_ARRAY_LEN(kinds);
    return kinds;
}

const struct hal9_record_field *hal9_record_common(size_t *ret_n) {
    *ret_n = HAL9_ARRAY_LEN(common);
    return common;
}
