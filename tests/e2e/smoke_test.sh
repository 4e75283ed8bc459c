#!/usr/bin/env bash
# The binary from the outside: starts, scrapes itself, takes a push, answers, reloads, keeps a bad
# configuration out, survives kill -9, stops gracefully.
#   smoke_test.sh path/to/tidemark
set -euo pipefail
tidemark=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
pid=''
cleanup() {
  if [[ -n $pid ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"

fail() {
  echo "FAILED: $*" >&2
  tail -n 20 log >&2 || true
  exit 1
}
step() { echo "-- $*"; }
# expect WHAT TEXT COMMAND...: the output of the command has TEXT in it.
expect() {
  local what=$1 text=$2 output
  shift 2
  output=$("$@" 2>&1) || true
  [[ $output == *"$text"* ]] || fail "$what: no '$text' in: $output"
}
# eventually WHAT TEXT COMMAND...: within 20 seconds.
eventually() {
  local what=$1 text=$2 output='' i
  shift 2
  for i in $(seq 100); do
    output=$("$@" 2>&1) || true
    if [[ $output == *"$text"* ]]; then return; fi
    sleep 0.2
  done
  fail "$what: no '$text' in: $output"
}
# exits CODE TEXT COMMAND...: ends with that code and says so.
exits() {
  local code=$1 text=$2 output status=0
  shift 2
  output=$(timeout 20 "$@" 2>&1) || status=$?
  [[ $status -eq $code ]] || fail "'$*' ended with $status, not $code: $output"
  [[ $output == *"$text"* ]] || fail "'$*': no '$text' in: $output"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
url=http://127.0.0.1:$port
get() { curl -sS -m 10 "$url$1"; }
query() { curl -sS -m 10 --data-urlencode "query=$1" "$url/api/v1/query"; }
start() {
  "$tidemark" --config.file=prometheus.yml --storage.tsdb.path=data "--web.listen-address=127.0.0.1:$port" \
    --web.enable-lifecycle --web.enable-admin-api --web.enable-remote-write-receiver >>log 2>&1 &
  pid=$!
  eventually "ready" "is Ready" get /-/ready
}
push() {  # NAME VALUE
  python3 - "$here" "$url" "$1" "$2" <<'PY'
import sys, time, urllib.request
sys.path.insert(0, sys.argv[1])
import remote_write
body = remote_write.request([({"__name__": sys.argv[3], "job": "push"},
                              [(int(time.time() * 1000), float(sys.argv[4]))])])
request = urllib.request.Request(sys.argv[2] + "/api/v1/write", data=body, headers=remote_write.HEADERS)
print("pushed", urllib.request.urlopen(request, timeout=10).status)
PY
}
config() {
  printf 'global: {scrape_interval: 1s}\nscrape_configs:\n'
  printf -- '- job_name: self\n  static_configs: [{targets: ["127.0.0.1:%s"]}]\n' "$port"
}

step "the command line says what is wrong"
config >prometheus.yml
exits 2 "--storage.max-series must not be negative" "$tidemark" --storage.max-series=-1
exits 0 "tidemark, version" "$tidemark" --version
exits 0 "--storage.tsdb.path" "$tidemark" --help
exits 2 "did you mean '--config.file'" "$tidemark" --config.fil=x
exits 2 "open none.yml" "$tidemark" --config.file=none.yml
exits 0 "SUCCESS" "$tidemark" check config prometheus.yml
printf 'scrape_config: []\n' >bad.yml
exits 1 'bad.yml:1:1: unknown field "scrape_config"' "$tidemark" check config bad.yml
exits 2 'bad.yml:1:1: unknown field' "$tidemark" --config.file=bad.yml

step "starts and scrapes itself"
start
expect "healthy" "is Healthy" get /-/healthy
exits 0 "is Ready" "$tidemark" check ready "--url=$url"
eventually "up" '"1"]' query 'up{job="self"}'
expect "its own metrics" "# TYPE prometheus_tsdb_head_series gauge" get /metrics
expect "targets" '"health":"up"' get /api/v1/targets
expect "flags" '"storage.tsdb.retention.time":"30d"' get /api/v1/status/flags
expect "retention" '"storageRetention":"30d"' get /api/v1/status/runtimeinfo
expect "bad query" '"errorType":"bad_data"' query 'up{'
exits 1 "in use" "$tidemark" --config.file=prometheus.yml "--web.listen-address=127.0.0.1:$port" --storage.tsdb.path=other
exits 1 "in use" "$tidemark" --config.file=prometheus.yml --web.listen-address=127.0.0.1:0 --storage.tsdb.path=data

step "takes a push"
expect "push" "pushed 204" push smoke_pushed 42
expect "pushed sample" '"42"]' query smoke_pushed
expect "range" '"matrix"' get "/api/v1/query_range?query=smoke_pushed&start=$(($(date +%s) - 60))&end=$(date +%s)&step=15"

step "reloads over HTTP and by SIGHUP, and follows target files"
printf '[{"targets": ["127.0.0.1:%s"], "labels": {"env": "test"}}]' "$port" >targets.json
{ config; printf -- '- job_name: files\n  file_sd_configs: [{files: ["*.json"]}]\n'; } >prometheus.yml
expect "reload" "" curl -sS -f -X POST "$url/-/reload"
expect "new config" "job_name: files" get /api/v1/status/config
eventually "target of a file" '"1"]' query 'up{job="files",env="test"}'
config >prometheus.yml
kill -HUP "$pid"
eventually "config after SIGHUP" 0 bash -c "curl -s $url/api/v1/status/config | grep -c 'job_name: files'"

step "keeps a bad configuration out"
cp bad.yml prometheus.yml
expect "reload of a bad file" 'unknown field \"scrape_config\"' bash -c \
  "curl -sS -X POST $url/-/reload | sed 's/\"/\\\\\"/g'"
expect "the old one runs" "job_name: self" get /api/v1/status/config
expect "reload metric" "prometheus_config_last_reload_successful 0" get /metrics
config >prometheus.yml
expect "reload" "" curl -sS -f -X POST "$url/-/reload"
expect "reload metric" "prometheus_config_last_reload_successful 1" get /metrics

step "survives kill -9"
expect "push" "pushed 204" push smoke_killed 43
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
start
eventually "the old log is read" 1 bash -c "curl -s $url/api/v1/status/walreplay | grep -c '\"done\":true'"
expect "acknowledged sample" '"43"]' query smoke_killed
expect "older sample" '"42"]' query smoke_pushed

step "deletes series, from head and blocks"
admin() { curl -sS -m 20 -o /dev/null -w '%{http_code}' -X POST "$url/api/v1/admin/tsdb/$1"; }
expect "delete" "204" admin 'delete_series?match[]=smoke_pushed'
expect "deleted" '"result":[]' query 'count_over_time(smoke_pushed[1h])'
expect "clean" "204" admin clean_tombstones
expect "still deleted" '"result":[]' query 'count_over_time(smoke_pushed[1h])'
eventually "its name is gone" 0 bash -c \
  "curl -sg '$url/api/v1/label/__name__/values' | grep -c smoke_pushed"
expect "others are there" '"43"]' query smoke_killed

step "stops gracefully"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
pid=''
[[ $status -eq 0 ]] || fail "SIGTERM: exit code $status"
grep -q "See you next time!" log || fail "no farewell"
start
expect "sample from a block" '"43"]' query smoke_killed
expect "quit" "Requesting termination" curl -sS -X POST "$url/-/quit"
status=0
wait "$pid" || status=$?
pid=''
[[ $status -eq 0 ]] || fail "/-/quit: exit code $status"
echo "all is well"
