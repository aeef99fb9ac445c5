#!/usr/bin/env bash
# Fan-out of events: inkwell beside the floor (bare epoll and send), nchan with and without Redis, and better-sse on Node.
# usage: events_bench.sh [fanout|idle|paced|tokens|reconnect|io-uring]... (all without one)
# The generator needs a core of its own: everything here is meant for two cores or more, servers with one worker.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${INKWELL_BINARY:?the program to measure}"
tools=${EVENTS_TOOLS:-$(dirname "$INKWELL_BINARY")/../bench}
export INKWELL_BINARY EVENTS_FLOOR=$tools/events_floor
peers=${EVENTS_PEERS:-inkwell floor nchan nchan-redis better-sse}
sizes=${EVENTS_SIZES:-1000 5000 10000}
port=${EVENTS_PORT:-7940}
deliveries=${EVENTS_DELIVERIES:-400000}
ulimit -n "$(ulimit -Hn)"

# with_peer KIND COMMAND...: COMMAND gets the arguments for events_load in the array `load`.
with_peer() {
  local kind=$1 line peer
  shift
  coproc PEER { exec bash "$here/peer.sh" "$kind" "$port" "${workers:-1}"; }
  peer=$PEER_PID
  read -r line <&"${PEER[0]}" || line=absent
  if [[ $line == absent ]]; then
    printf '%-12s not installed\n' "$kind"
  else
    local words
    read -r -a words <<<"$line"
    load=("$tools/events_load" --port "$port" --pid "${words[1]}" "${words[@]:2}")
    "$@"
  fi
  kill "$peer" 2>/dev/null || true
  wait "$peer" 2>/dev/null || true
}
# row KIND NAME... <<< events_load's line: prints the named values.
row() {
  local kind=$1 line name
  shift
  line=$(cat)
  printf '%-12s' "$kind"
  for name in "$@"; do printf '%18s' "$(grep -o " $name=[^ ]*" <<<" $line" | cut -d= -f2)"; done
  printf '\n'
}
head_row() { printf '%-12s' ""; printf '%18s' "$@"; printf '\n'; }
run() { "${load[@]}" "$@" || echo "  (lost, repeated or too late: see above)" >&2; }

fanout_one() { run --subscribers "$2" --messages $((deliveries / $2)) | row "$1" cpu_s_per_million deliveries_s p99_ms kib_per_connection; }
fanout() {
  local size kind
  for size in $sizes; do
    echo; echo "One channel, $size subscribers, 200 bytes, as fast as it goes:"
    head_row "CPU-s a million" deliveries/s "p99 ms" "KiB a connection"
    for kind in $peers; do with_peer "$kind" fanout_one "$kind" "$size"; done
  done
}
idle_one() { run --subscribers 15000 --messages 0 | row "$1" open open_s kib_per_connection; }
idle() {
  local kind
  echo; echo "15,000 idle subscribers:"
  head_row open "opened in s" "KiB a connection"
  for kind in $peers; do with_peer "$kind" idle_one "$kind"; done
}
paced_one() { run --subscribers "$2" --messages $((250000 / $2)) --rate $((50000 / $2)) | row "$1" p50_ms p99_ms cpu_s_per_million; }
paced() {
  local size kind
  for size in $sizes; do
    echo; echo "One channel, $size subscribers, 50,000 deliveries/s:"
    head_row "p50 ms" "p99 ms" "CPU-s a million"
    for kind in $peers; do with_peer "$kind" paced_one "$kind" "$size"; done
  done
}
tokens_one() {
  run --subscribers 1000 --channels 1000 --messages 20000 --publishers 64 |
    row "$1" posts_s cpu_s_per_million post_p50_ms post_p99_ms p99_ms
}
tokens() {
  local kind
  echo; echo "1,000 channels with a subscriber each, a POST a token from 64 connections:"
  head_row POSTs/s "CPU-s a million" "POST p50 ms" "POST p99 ms" "delivery p99 ms"
  for kind in $peers; do [[ $kind == floor ]] || with_peer "$kind" tokens_one "$kind"; done
}

# 10,000 subscribers come back at once with a cursor 50 events old: what it costs Redis.
reconnect_one() {
  local url cursor before after
  url="http://127.0.0.1:$port/v1/channels/c0/events"
  run --subscribers 1 --messages 60 >/dev/null
  cursor=$(curl -s -H 'Accept: application/json' "$url?limit=51" | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4)
  before=$(reads_of)
  run --subscribers 10000 --messages 0 --backlog 50 --header "Last-Event-ID: $cursor" |
    row inkwell open replayed replay_s replay_cpu_s
  after=$(reads_of)
  echo "reads of the log for them: $((after - before))"
}
reads_of() { curl -s "http://127.0.0.1:$port/metrics" | awk '/^inkwell_events_history_reads_total/ {n += $2} END {print n + 0}'; }
reconnect() {
  echo; echo "10,000 subscribers come back at once, each 50 events behind:"
  head_row open "events replayed" "in s" "CPU-s"
  with_peer inkwell reconnect_one
}

io-uring_one() { fanout_one "$1" "$2"; }
io-uring() {
  local size kind
  for size in $sizes; do
    echo; echo "What io_uring would save the floor (batches of 256 sends a system call), $size subscribers:"
    head_row "CPU-s a million" deliveries/s "p99 ms" "KiB a connection"
    for kind in floor floor-io-uring; do with_peer "$kind" fanout_one "$kind" "$size"; done
  done
}

(($#)) || set -- fanout paced idle tokens reconnect io-uring
for part in "$@"; do "$part"; done
