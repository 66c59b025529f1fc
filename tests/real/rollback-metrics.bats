#!/usr/bin/env bats
# Gates on figures of a real Prometheus: an error rate that is too high, one that is fine, and no data at all.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
  skip_unless prometheus
  skip_unless curl
}

metrics_site() {
  local responses='haproxy_server_http_responses_total{proxy="hal9"'
  free_port
  prometheus_port=$free_port
  FRONT='  http-request use-service prometheus-exporter if { path /metrics }'
  GRADUAL='{stops: 2, every: 1s}'
  PLAN="    on_unknown: 30s
    metrics:
      prometheus: http://127.0.0.1:$prometheus_port
      error_rate:
        query: 'sum(rate($responses,code=\"5xx\"}[5s])) / sum(rate($responses}[5s]))'
        below: 5%
      p99: {query: 'max(haproxy_server_response_time_average_seconds{proxy=\"hal9\"})', below: 10s}"
  rollback_site 1 1
}

query() {
  curl -sG "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode "query=$1"
}

# Until the error rate is known.
start_prometheus() {
  cat >"$TEST_DIR/prometheus.yml" <<YAML
scrape_configs:
  - job_name: edge
    scrape_interval: 500ms
    scrape_timeout: 500ms
    static_configs: [{targets: ["127.0.0.1:$edge_port"]}]
YAML
  start_in_background "$TEST_DIR/prometheus.log" prometheus --config.file="$TEST_DIR/prometheus.yml" \
    --storage.tsdb.path="$TEST_DIR/tsdb" --web.listen-address="127.0.0.1:$prometheus_port"
  prometheus_pid=$background_pid
}

wait_data() {
  local rate
  rate=$(awk -F"'" '/query:.*rate/ { print $2; exit }' "$HAL9OPS_CONFIG")
  for _ in {1..300}; do
    query "$rate" | jq -e '.data.result[0].value[1] | select(. and . != "NaN")' >/dev/null 2>&1 && return
    read -r -t 0.1 <> <(:) || true
  done
  fail "prometheus has no data: $(query "$rate"; tail -n 3 "$TEST_DIR/prometheus.log")"
}

start_load() {
  start_in_background "$TEST_DIR/load.log" bash -c "while :; do curl -s -o /dev/null 'http://127.0.0.1:$edge_port/[1-20]'; read -r -t 0.05 <> <(:); done"
}

@test "figures that are fine let it go on; without data it holds" {
  metrics_site
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  start_load
  start_prometheus
  wait_data
  start_to good --strategy gradual
  end_to 0
  is_world "$before"
  [ "$(step_state hold-1)" = "done" ]
  jq -es 'any(.[]; .step == "hold-1" and .state == "done" and
    any(.detail.results[]; .check == "error rate" and .state == "pass" and (.reason | test("^0%"))))' "$TEST_DIR/to.ndjson"

  # A query of a series that isn't there is no data, whatever else is known.
  sed -i 's/code="5xx"/code="9xx"/; s/on_unknown: 30s/on_unknown: 300ms/' "$HAL9OPS_CONFIG"
  migrate
  run hal9-rollback to good --strategy gradual -o text
  echo "$output"
  [ "$status" -eq 3 ]
  [[ $output == *"it can't be told whether all is well: error rate: no data: the query has no result"* ]]
  [ "$(traffic)" = "s1 50 ready, s2 50 ready" ]
  kill "$prometheus_pid"
  wait_for_exit "$prometheus_pid"
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 3 ]
  [[ $output == *"error rate: no data: "*"$prometheus_port"* ]]
  run hal9-rollback resume --yes --force=no-data -o text
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "an error rate that is too high turns it to immediate" {
  BAD=s2
  metrics_site
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  sed -i 's/every: 1s/every: 10m/' "$HAL9OPS_CONFIG"
  start_load
  start_prometheus
  wait_data
  start_to good --strategy gradual
  end_to 0
  is_world "$before"
  [ "$(step_state hold-1)" = warned ]
  [ "$(step_state off)" = "done" ]
  jq -es 'any(.[]; .step == "hold-1" and .state == "warned" and (.reason | test("not healthy: error rate: [0-9.]+%, not below 5%")))' "$TEST_DIR/to.ndjson"
}
