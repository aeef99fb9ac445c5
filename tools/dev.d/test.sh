# shellcheck shell=bash
# The tests: C++ (ctest), npm's clients against the real binary (node), the documents' snippets.

verb_test() {
  local filter=${1:-}
  need_packages build test
  step "Building inkwell and its tests (release)"
  build_tests release
  counted "C++ tests" run_ctest release "$filter"
  if [[ -z $filter ]]; then
    checked "npm packages of the client tests" install_clients
    counted "Client tests (node)" run_clients release
    counted "Documents' snippets" run_snippets release
    checked "Layers" python3 tools/layers
    checked "House rules (tidy)" python3 tools/tidy
  fi
  close_report
}

# `./dev run` may have configured without tests.
build_tests() {
  if grep -qs '^INKWELL_TESTS:BOOL=OFF' "build/$1/CMakeCache.txt"; then
    cmake --preset "$1" -DINKWELL_TESTS=ON >/dev/null || die "configuring $1 failed"
  fi
  build "$1"
}

# run_ctest PRESET [FILTER] [CTEST ARGUMENT...]
run_ctest() {
  local preset=$1 filter=${2:-} status=0
  shift
  (($#)) && shift
  local log=build/$preset/ctest.xml
  rm -f "$log"
  ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error --output-junit "$PWD/$log" \
    ${filter:+-R "$filter"} "$@" || status=$?
  python3 tools/junit_counts "$log" >"$counts" || status=1
  return "$status"
}

# Installs npm's packages when the lockfile has changed since they were installed.
install_clients() {
  local stamp=tests/clients/node_modules/.lockfile
  if cmp -s tests/clients/package-lock.json "$stamp"; then
    say "up to date with package-lock.json"
    return
  fi
  (cd tests/clients && npm ci --no-audit --no-fund --ignore-scripts) || return 1
  cp tests/clients/package-lock.json "$stamp"
}

# run_clients PRESET
run_clients() {
  local status=0 tap=build/$1/clients.tap
  INKWELL_BINARY=$PWD/build/$1/bin/inkwell node --test --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" tests/clients/*.test.mjs || status=$?
  awk '/^# (pass|fail|cancelled|skipped|todo) / { n[$2] = $3 }
    END { print n["pass"] + 0, n["fail"] + n["cancelled"], n["skipped"] + n["todo"] }' "$tap" >"$counts"
  return "$status"
}

# run_snippets PRESET
run_snippets() {
  python3 tools/readme_test --binary "build/$1/bin/inkwell" --counts "$counts"
}
