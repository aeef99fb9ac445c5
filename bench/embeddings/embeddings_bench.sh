#!/usr/bin/env bash
# POST /v1/embeddings end to end: inkwell beside nginx, which serves the same bytes as a static file (the limit of the
# hot case), and beside a Node server that caches with lru-cache and ioredis. One worker each.
# usage: embeddings_bench.sh [hot|batch]... (both without one)    EMBEDDINGS_SECONDS=5 a row
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${INKWELL_BINARY:?the program to measure}"
load=${EMBEDDINGS_TOOLS:-$(dirname "$INKWELL_BINARY")/../bench}/embeddings_load
seconds=${EMBEDDINGS_SECONDS:-5}
port=${EMBEDDINGS_PORT:-$((20000 + RANDOM % 10000))}
upstream_port=$((port + 1)) node_port=$((port + 2)) nginx_port=$((port + 3))
dir=$(mktemp -d)
pids=()
finish() {
  [[ -s $dir/log ]] && tail -5 "$dir/log" >&2
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$dir"
}
trap finish EXIT
[[ -d $here/node_modules ]] || npm ci --prefix "$here" --silent --no-audit --no-fund

listening() {
  local tries=200
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    ((tries-- > 0)) || { echo "nothing listens on $1" >&2; exit 1; }
    sleep 0.05
  done
}
node "$here/upstream.mjs" "$upstream_port" & pids+=($!)
redis-server --port 0 --unixsocket "$dir/node.sock" --save '' --appendonly no >/dev/null & pids+=($!)
listening "$upstream_port"
node "$here/node_cache.mjs" "$node_port" "$dir/node.sock" "http://127.0.0.1:$upstream_port/v1" & node=$! && pids+=($!)
env -u INKWELL_BINARY "INKWELL_EMBEDDINGS_UPSTREAM_URL=http://127.0.0.1:$upstream_port/v1" INKWELL_EMBEDDINGS_UPSTREAM_FORMAT=base64 \
  "$INKWELL_BINARY" serve --listen "127.0.0.1:$port" --data-dir "$dir/data" --server-threads 1 --log-level warn \
  >"$dir/log" 2>&1 & inkwell=$! && pids+=($!)
listening "$port"
listening "$node_port"

# row NAME load's arguments...: prints it, and leaves requests/s in $rate and CPU a request in $cpu.
row() {
  local name=$1 line
  shift
  line=$("$load" --seconds "$seconds" "$@")
  value() { grep -o "$1=[^ ]*" <<<"$line" | cut -d= -f2; }
  rate=$(value requests_s) cpu=$(value cpu_us)
  printf '  %-10s%12s%12s%12s%12s%12s\n' "$name" "$rate" "$cpu" "$(value p50_us)" "$(value p99_us)" "$(value bytes)"
}
head_row() { printf '%s\n  %-10s%12s%12s%12s%12s%12s\n' "$1" "" requests/s "CPU us" "p50 us" "p99 us" bytes; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

hot() {
  local format
  mkdir -p "$dir/www"
  for format in base64 float; do
    # One answer of ours, as a file.
    curl -sf "http://127.0.0.1:$port/v1/embeddings" -H 'content-type: application/json' \
      -d '{"model":"bench","encoding_format":"'$format'","input":"the hot text number 0, about as long as a question that somebody asks"}' \
      >"$dir/www/$format.json"
  done
  local nginx=
  if command -v nginx >/dev/null; then
    cat >"$dir/nginx.conf" <<CONF
$( ((EUID == 0)) && echo "user root;") worker_processes 1; daemon off; pid $dir/nginx.pid; error_log $dir/error.log crit;
events { worker_connections 1024; use epoll; multi_accept on; }
http {
  access_log off; client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f;
  uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 3600s; open_file_cache max=16;
  server { listen 127.0.0.1:$nginx_port; root $dir/www; default_type application/json; }
}
CONF
    nginx -e "$dir/error.log" -c "$dir/nginx.conf" & pids+=($!)
    listening "$nginx_port"
    nginx=$(pgrep -P "${pids[-1]}")
  fi
  for format in base64 float; do
    head_row "One hot input of 1,536 dimensions, $format:"
    row inkwell --port "$port" --pid "$inkwell" --format "$format"
    local ours=$rate ours_cpu=$cpu
    if [[ -n $nginx ]]; then
      row nginx --port "$nginx_port" --pid "$nginx" --get "/$format.json"
      printf '  inkwell is at %s of nginx static (by CPU: %s)\n' "$(ratio "$ours" "$rate")" "$(ratio "$cpu" "$ours_cpu")"
    fi
    row node --port "$node_port" --pid "$node" --format "$format"
    printf '  inkwell is at %s times Node (by CPU: %s)\n' "$(ratio "$ours" "$rate")" "$(ratio "$cpu" "$ours_cpu")"
  done
}
batch() {
  local misses
  for misses in 20 40 70; do
    head_row "Batches of 96 inputs, base64, $misses % of them never seen before:"
    row inkwell --port "$port" --pid "$inkwell" --inputs 96 --pool 2000 --misses "$misses" --connections 8
    local ours=$rate ours_cpu=$cpu
    row node --port "$node_port" --pid "$node" --inputs 96 --pool 2000 --misses "$misses" --connections 8
    printf '  inkwell is at %s times Node (by CPU: %s)\n' "$(ratio "$ours" "$rate")" "$(ratio "$cpu" "$ours_cpu")"
  done
}

parts=("$@")
((${#parts[@]})) || parts=(hot batch)
for part in "${parts[@]}"; do
  case $part in
    hot | batch) "$part" ;;
    *) echo "no part '$part': hot, batch" >&2; exit 2 ;;
  esac
done
