#!/usr/bin/env bash
# Conversations: inkwell with one worker, beside the raw Redis commands that it costs (redis-benchmark) and a plain Node server
# with ioredis. 64 clients, items of 500 bytes, 256 conversations.
# usage: conversations_bench.sh [append|read|cold|list|memory]... (all without one)
# Rates are what a shared machine leaves; the CPU time a request is what holds.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${INKWELL_BINARY:?the program to measure}"
load=${CONVERSATIONS_LOAD:-$(dirname "$INKWELL_BINARY")/../bench/conversations_load}
binary=$INKWELL_BINARY
unset INKWELL_BINARY  # no setting of the program's
requests=${CONVERSATIONS_REQUESTS:-50000}
port=${CONVERSATIONS_PORT:-7960}
redis_port=$((port + 1))
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

start_redis() {
  redis-server --port "$redis_port" --save '' --appendonly no --dir "$work" --daemonize no >"$work/redis.log" &
  redis=$!
  pids+=("$redis")
  until redis-cli -p "$redis_port" ping >/dev/null 2>&1; do sleep 0.05; done
}
stop() { kill "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; }
# start_inkwell FLAGS...
start_inkwell() {
  "$binary" serve --listen "127.0.0.1:$port" --redis "redis://127.0.0.1:$redis_port" --server-threads 1 --log-level warn \
    "$@" >"$work/inkwell.log" &
  server=$!
  pids+=("$server")
  until curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; do sleep 0.05; done
}
start_node() {
  [[ -d $here/node_modules ]] || (cd "$here" && npm ci --silent)
  node "$here/node_peer.mjs" "$port" "$redis_port" >"$work/node.log" &
  server=$!
  pids+=("$server")
  until grep -qs listening "$work/node.log"; do sleep 0.05; done
}
row() { printf '%-26s' "$1"; printf '%14s' "${@:2}"; printf '\n'; }
value() { grep -o " $1=[^ ]*" <<<" $2" | cut -d= -f2; }
head_row() { row "" requests/s "p50 ms" "p99 ms" "CPU us" "Redis CPU us"; }
# measure NAME KIND
measure() {
  local line
  line=$("$load" --port "$port" --kind "$2" --requests "$requests" --pid "$server" --pid "$redis")
  row "$1" "$(value requests_s "$line")" "$(value p50_ms "$line")" "$(value p99_ms "$line")" "$(value cpu0_us "$line")" \
    "$(value cpu1_us "$line")"
}
ours() { start_redis; start_inkwell "${@:3}"; measure "$1" "$2"; stop "$server"; stop "$redis"; }
peer() { start_redis; start_node; measure "$1" "$2"; stop "$server"; stop "$redis"; }

# What the same steps take Redis when nobody is in between: the script's digest and arguments are taken from a request of ours.
raw_append() {
  start_redis
  start_inkwell
  local id seen sha before after rate
  id=$(curl -s -X POST "http://127.0.0.1:$port/v1/conversations" | grep -o 'conv_[0-9a-f]*' | head -n 1)
  redis-cli -p "$redis_port" monitor >"$work/monitor" &
  seen=$!
  sleep 0.3
  for _ in 1 2; do  # the first may send the whole script
    curl -s "http://127.0.0.1:$port/v1/conversations/$id/items" --json "{\"items\":[{\"role\":\"user\",\"content\":\"$(printf 'x%.0s' {1..466})\"}]}" >/dev/null
  done
  sleep 0.3
  stop "$seen"
  sha=$(grep ':items"' "$work/monitor" | grep -oi '"EVAL[A-Z]*" "[^"]*"' | tail -n 1 | cut -d'"' -f4)
  [[ ${#sha} == 40 ]] || sha=$(redis-cli -p "$redis_port" script load "$sha")
  stop "$server"
  local item=",\"type\":\"message\",\"status\":\"completed\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"$(printf 'x%.0s' {1..466})\"}]}"
  before=$(cpu "$redis")
  rate=$(redis-benchmark -p "$redis_port" -c 64 -n "$requests" -q EVALSHA "$sha" 3 "ink:default:conv:{$id}" \
    "ink:default:conv:{$id}:items" "ink:default:conv:{$id}:ids" "" "" 86400000 10000 "" msg_ "$item" "" |
    tr '\r' '\n' | tail -n 1 | grep -o '[0-9.]* requests' | cut -d' ' -f1)
  after=$(cpu "$redis")
  [[ $(redis-cli -p "$redis_port" xlen "ink:default:conv:{$id}:items") -gt $requests ]] || echo "  (the steps failed)" >&2
  row "Redis alone" "${rate%.*}" - - - "$(awk "BEGIN {printf \"%.1f\", ($after - $before) * 10000 / $requests}")"
  stop "$redis"
}
cpu() { awk '{print $14 + $15}' "/proc/$1/stat"; }

append() {
  echo; echo "Append of an item of 500 bytes:"
  head_row
  raw_append
  ours inkwell append
  peer "Node and ioredis" append
}
read() {
  echo; echo "The last 20 items, read again and again:"
  head_row
  ours inkwell read
  ours "inkwell, no near cache" read --conversations-near-cache-bytes 0
  peer "Node and ioredis" read
}
list() {
  echo; echo "An owner's 20 conversations changed last, of 256:"
  head_row
  ours inkwell list
  peer "Node and ioredis" list
}
memory() {
  echo; echo "Bytes in Redis for an item of 500 bytes, over 20,000 in 256 conversations:"
  local before after
  for kind in ours peer; do
    start_redis
    if [[ $kind == ours ]]; then start_inkwell; else start_node; fi
    "$load" --port "$port" --kind append --requests 256 >/dev/null
    before=$(redis-cli -p "$redis_port" info memory | awk -F: '/^used_memory_dataset:/ {print $2 + 0}')
    redis-cli -p "$redis_port" flushall >/dev/null
    "$load" --port "$port" --kind append --requests 20000 >/dev/null
    after=$(redis-cli -p "$redis_port" info memory | awk -F: '/^used_memory_dataset:/ {print $2 + 0}')
    awk "BEGIN {printf \"%-26s%8.0f (%.2f of the payload)\n\", \"$kind\", ($after - $before) / 19744, ($after - $before) / 19744 / 500}"
    stop "$server"
    stop "$redis"
  done
}

(($#)) || set -- append read list memory
for part in "$@"; do "$part"; done
