# shellcheck shell=bash
# The Debian and Ubuntu packages Inkwell is built and tested with. Only what is missing is installed.

# A row is `package` or `package:command`; a command that is already there, from wherever, counts as installed.
packages_build() {
  local boost
  boost=$(boost_series)
  printf '%s\n' g++:g++ cmake:cmake ninja-build:ninja pkg-config:pkg-config mold:mold ccache:ccache \
    redis-server:redis-server redis-tools:redis-cli \
    "libboost$boost-dev" "libboost-url$boost-dev" "libboost-json$boost-dev" \
    libssl-dev libcurl4-openssl-dev libsimdjson-dev libxxhash-dev libzstd-dev libre2-dev libspdlog-dev libfmt-dev \
    libcli11-dev libtomlplusplus-dev prometheus-cpp-dev
}
packages_test() { printf '%s\n' libgtest-dev libgmock-dev python3:python3 nodejs:node npm:npm ca-certificates curl:curl; }
packages_bench() { printf '%s\n' libhiredis-dev libtbb-dev liburing-dev nginx:nginx libnginx-mod-nchan nodejs:node npm:npm; }
packages_clang() {
  printf '%s\n' clang-19:clang++-19 clang-tidy-19:clang-tidy-19 clang-format-19:clang-format-19 \
    libclang-rt-19-dev
}

# The newest Boost the distribution packages beside (or as) its default; Inkwell needs 1.81.
boost_series() {
  local id version
  # shellcheck source=/dev/null
  read -r id version < <(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-0}")
  case "$id $version" in
    "debian 12") echo 1.81 ;;
    "debian 13" | "ubuntu 24.04") echo 1.83 ;;
    *) echo 1.83 ;;
  esac
}

installed() {
  local package=${1%%:*} command=${1#*:}
  if [[ $1 == *:* ]] && command -v "$command" >/dev/null 2>&1; then return 0; fi
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]]
}

# need_packages GROUP...: after it, the packages of these groups are there, or the script has ended saying which are not.
need_packages() {
  local group row missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "No dpkg here: install the counterparts of Debian's packages yourself; ./dev goes on without checking."
    return
  fi
  for group in "$@"; do
    while read -r row; do
      installed "$row" || missing+=("${row%%:*}")
    done < <("packages_$group")
  done
  ((${#missing[@]})) || return 0
  [[ $install == yes ]] ||
    die "these packages are missing, and --no-install was given:"$'\n'"  apt-get install ${missing[*]}"
  install_packages "${missing[@]}"
}

install_packages() {
  local root=() place
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "these packages are missing, and neither are you root nor is sudo there. As root:"$'\n'"  apt-get install $*"
    root=(sudo)
  fi
  step "Installing with apt (these are missing): $*"
  # --no-remove: apt fails rather than replace, say, another Boost that something of yours needs.
  local apt=("${root[@]+"${root[@]}"}" env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends --no-remove)
  apt_knows "$@" || "${root[@]+"${root[@]}"}" apt-get update || die "apt-get update failed (see above)"
  keep_services_down "${root[@]+"${root[@]}"}"
  "${apt[@]}" install "$@" || { allow_services; die "apt could not install: $* (see above)"; }
  allow_services
  for place in "$@"; do
    [[ $place == redis-server ]] && say_about_redis
  done
  return 0
}

apt_knows() {
  local package
  for package in "$@"; do
    [[ -n $(apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: *\(.*\)/\1/p' | grep -v '(none)') ]] ||
      return 1
  done
}

# Debian starts what it installs. Inkwell wants the redis-server program, not a service on port 6379: a policy-rc.d, the
# system's own switch for this, denies starts while apt runs. One that is already there is left alone.
policy=/usr/sbin/policy-rc.d
policy_is_ours=
keep_services_down() {
  [[ -e $policy ]] && return
  policy_is_ours=yes
  policy_root=("$@")
  trap allow_services EXIT
  printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy" >/dev/null
  "$@" chmod 755 "$policy"
}
allow_services() {
  [[ -n $policy_is_ours ]] || return 0
  "${policy_root[@]+"${policy_root[@]}"}" rm -f "$policy"
  policy_is_ours=
}
say_about_redis() {
  say "Note: Debian's redis-server package brings a system service (port 6379). It was not started, and Inkwell doesn't"
  say "use it; it would start at the next boot unless you run: systemctl disable redis-server"
}

verb_install_packages() {
  install=yes
  if [[ ${1:-} == --all ]]; then need_packages build test clang bench; else need_packages build test; fi
  say "Everything that is needed is installed."
}
