# shellcheck shell=bash
# Configuring, building, running and cleaning.

jobs=$(nproc 2>/dev/null || echo 2)

# build PRESET [TARGET...]
build() {
  local preset=$1 target=() began=$SECONDS
  shift
  (($#)) && target=(--target "$@")
  if [[ ! -f build/$preset/build.ninja ]]; then
    cmake --preset "$preset" || die "configuring $preset failed (see above)"
  fi
  cmake --build "build/$preset" -j "$jobs" "${target[@]+"${target[@]}"}" || die "building $preset failed (see above)"
  say "(building $preset: $((SECONDS - began)) s)"
}

verb_build() {
  local preset=${1:-release}
  case $preset in
    clang | lint | fuzz) need_packages build test clang ;;
    *) need_packages build test ;;
  esac
  step "Building $preset"
  build "$preset"
}

verb_run() {
  [[ ${1:-} == -- ]] && shift
  need_packages build
  step "Building inkwell (release)"
  build_program
  step "inkwell serve $*"
  exec build/release/bin/inkwell serve "$@"
}

# The program without the tests' packages: a build directory configured for the tests is used as it is.
build_program() {
  if [[ ! -f build/release/build.ninja ]] && ! installed libgtest-dev; then
    cmake --preset release -DINKWELL_TESTS=OFF || die "configuring release failed (see above)"
  fi
  build release inkwell
}

verb_clean() {
  rm -rf build tests/clients/node_modules
  say "Removed build/ and tests/clients/node_modules/."
}
