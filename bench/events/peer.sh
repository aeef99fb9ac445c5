#!/usr/bin/env bash
# Starts one hub of server-sent events on loopback, for events_bench.sh, and stops it when it is told to end itself.
# usage: peer.sh KIND PORT [WORKERS]     KIND: inkwell, floor, floor-io-uring, nchan, nchan-redis, better-sse
# Prints "ready PID arguments for events_load" once it listens. A kind whose program isn't installed prints "absent".
set -euo pipefail
kind=$1 port=$2 workers=${3:-1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$(mktemp -d)
pids=()
finish() {
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  wait
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 0' INT TERM
ulimit -n "$(ulimit -Hn)"

nginx_config() {
  local upstream=$1 pass=$2
  cat >"$dir/nginx.conf" <<CONF
load_module modules/ngx_nchan_module.so;
worker_processes $workers; daemon off; pid $dir/nginx.pid; error_log $dir/error.log crit;
worker_rlimit_nofile $(ulimit -n);
events { worker_connections 19000; use epoll; multi_accept on; }
http {
  access_log off; client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f;
  uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  keepalive_requests 1000000000; keepalive_timeout 3600s; tcp_nodelay on; nchan_shared_memory_size 256M;
  $upstream
  server {
    listen 127.0.0.1:$port backlog=4096;
    location = /pub { nchan_publisher; nchan_channel_id \$arg_id; nchan_message_buffer_length 100;
                      nchan_message_timeout 1m; $pass }
    location = /sub { nchan_subscriber eventsource; nchan_channel_id \$arg_id; nchan_eventsource_ping_interval 0; $pass }
  }
}
CONF
}
absent() { echo absent; exit 0; }
need() { command -v "$1" >/dev/null || absent; }

case $kind in
  inkwell)
    env -u INKWELL_BINARY "$INKWELL_BINARY" serve --listen "127.0.0.1:$port" --data-dir "$dir/data" --server-threads "$workers" \
      >"$dir/log" 2>&1 & pids+=($!)
    arguments="--path /v1/channels/c{ch}/events --post-type application/json --post-body {\"data\":\"{msg}\"}" ;;
  floor)
    "$EVENTS_FLOOR" "$port" & pids+=($!)
    arguments="--path /" ;;
  floor-io-uring)
    "$EVENTS_FLOOR" "$port" batched & pids+=($!)
    arguments="--path /" ;;
  nchan | nchan-redis)
    need nginx
    [[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ]] || absent
    if [[ $kind == nchan ]]; then
      nginx_config "" ""
    else
      redis-server --port $((port + 1)) --bind 127.0.0.1 --save '' --appendonly no >/dev/null & redis=$!
      until redis-cli -p $((port + 1)) ping >/dev/null 2>&1; do kill -0 $redis; done
      nginx_config "upstream rds { nchan_redis_server redis://127.0.0.1:$((port + 1))/; }" "nchan_redis_pass rds;"
    fi
    nginx -e "$dir/start.log" -c "$dir/nginx.conf" & pids+=($!)
    [[ $kind == nchan ]] || pids+=("$redis")
    arguments="--path /sub?id=c{ch} --post-path /pub?id=c{ch}"
    [[ $kind == nchan ]] || arguments+=" --redis-pid $redis" ;;
  better-sse)
    need node
    [[ -d $here/node_modules/better-sse ]] || (cd "$here" && npm ci --silent >/dev/null 2>&1) || absent
    node "$here/better_sse.mjs" "$port" & pids+=($!)
    arguments="--path /sub?id=c{ch} --post-path /pub?id=c{ch}" ;;
  *)
    echo "peer.sh: no kind $kind" >&2
    exit 2 ;;
esac
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "${pids[0]}"; done
[[ $kind != nchan-redis ]] || until curl -sf -d x "http://127.0.0.1:$port/pub?id=warm" >/dev/null; do sleep 0.1; done
echo "ready ${pids[0]} $arguments"
wait "${pids[0]}"
