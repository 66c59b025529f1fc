#!/usr/bin/env bats
# hal9-rollback watch without a pipe: a real Prometheus scrapes a real haproxy, whose new path answers 500.
# shellcheck disable=SC2034,SC2154 # set by the helpers, or read there

load ../real/common
load ../real/rollback
load ../real/rollback-watch

setup() {
  common_setup
}

# With haproxy's own exporter beside it.
start_edge() {
  local line
  free_port
  edge_port=$free_port
  free_port
  exporter_port=$free_port
  {
    cat <<CFG
global
  stats socket $TEST_DIR/edge.sock mode 600 level admin
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend exporter
  bind 127.0.0.1:$exporter_port
  http-request use-service prometheus-exporter
frontend front
  bind 127.0.0.1:$edge_port
  default_backend hal9
backend hal9
  balance roundrobin
CFG
    for line in "${servers[@]}"; do echo "  server $line"; done
  } >"$TEST_DIR/edge.cfg"
  haproxy -D -f "$TEST_DIR/edge.cfg" -p "$TEST_DIR/edge.pid" >"$TEST_DIR/edge.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "haproxy did not start: $(cat "$TEST_DIR/edge.log")"
}

start_prometheus() {
  cat >"$TEST_DIR/prometheus.yml" <<YAML
scrape_configs:
  - {job_name: haproxy, scrape_interval: 250ms, scrape_timeout: 250ms, static_configs: [{targets: ["127.0.0.1:$exporter_port"]}]}
YAML
  start_in_background "$TEST_DIR/prometheus.log" prometheus --config.file="$TEST_DIR/prometheus.yml" \
    --storage.tsdb.path="$TEST_DIR/tsdb" --web.listen-address="127.0.0.1:$prometheus_port"
  prometheus_pid=$background_pid
  wait_for_log "$TEST_DIR/prometheus.log" "Server is ready to receive web requests" 30 ||
    fail "prometheus did not start: $(tail -n 5 "$TEST_DIR/prometheus.log")"
}

# In the background.
watching() {
  : >"$TEST_DIR/out"
  hal9-rollback watch >"$TEST_DIR/out" 2>"$TEST_DIR/err" 3>&- 4>&- </dev/null &
  watch_pid=$!
}

end_watch() { # STATUS
  kill -TERM "$watch_pid"
  status=0
  wait "$watch_pid" || status=$?
  exits "$1"
}

@test "an error rate over the limit rolls back for real, and the rate falls; cool-down holds the next; no data fires nothing" {
  skip_unless prometheus
  skip_unless curl
  free_port
  prometheus_port=$free_port
  local all='haproxy_backend_http_responses_total{proxy="hal9"}[3s]' bad='haproxy_backend_http_responses_total{proxy="hal9",code="5xx"}[3s]'
  PLAN="    metrics:
      prometheus: http://127.0.0.1:$prometheus_port
      error_rate: {query: 'sum(rate($bad)) / sum(rate($all))', below: 5%}"
  watched_site "error_rate: {above: 5%, over: 1s, min: 5, requests: 'sum(increase($all))'}
every: 200ms"
  # nobody answers yet; then there is no request: neither is anything
  watching
  out_has '.kind == "end" and .round == 2'
  err_says "error_rate: no data"
  start_prometheus
  [ "$(decisions)" = "" ]
  start_in_background /dev/null curl -s --rate 20/s -o /dev/null "http://127.0.0.1:$edge_port/fail?[1-100000]"
  out_has '.kind == "sample" and .metric == "error_rate" and .value > 0.9 and .count >= 5'
  out_has '.kind == "decision" and .action == "fired" and .value > 0.05 and .plan == "migration"'
  out_has '.kind == "operation" and .state == "done"'
  is_world "$before"
  out_has '.kind == "sample" and .value == 0'
  # again on the new path: it is too early
  migrate
  out_has '.kind == "decision" and .action == "cooldown"'
  is_world "$migrated"
  [ "$(rollbacks)" -eq 1 ]
  end_watch 143
  [ "$(decisions)" = "fired,cooldown" ]
  # a server that is gone is no data: nothing fires, whatever it said last
  kill -KILL "$prometheus_pid"
  wait_for_exit "$prometheus_pid"
  rm -r "$HAL9OPS_STATE_DIR/watches"
  status=0
  hal9-rollback watch --rounds 6 >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 0
  [ "$(decisions)" = "" ]
  is_world "$migrated"
}

@test "without metrics a score is probed by the watch itself; a dry run only tells" {
  watched_site 'score: {below: 0.5, over: 200ms}
every: 100ms'
  status=0
  hal9-rollback watch -n --rounds 5 >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 1
  [ "$(decisions)" = fired ]
  is_world "$migrated"
  [ ! -e "$HAL9OPS_STATE_DIR/watches" ]
  hal9-rollback watch --rounds 8 -o text >"$TEST_DIR/out" 2>"$TEST_DIR/err"
  grep -q 'front: health score is 0, below 0.5 for .*: rolling back to good' "$TEST_DIR/out"
  grep -q 'rolled back to good. Undo: hal9-rollback undo' "$TEST_DIR/out"
  is_world "$before"
}
