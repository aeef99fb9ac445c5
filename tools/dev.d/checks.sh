# shellcheck shell=bash
# Format, lint, sanitizers, fuzzing, and the two bundles of them: check (all day) and ci.

cpp_files() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp'; }

verb_format() {
  need_packages clang
  if [[ ${1:-} == --check ]]; then
    check_format
  else
    cpp_files | xargs -r -P "$jobs" -n 20 clang-format-19 -i
  fi
}
check_format() {
  if ! cpp_files | xargs -r -P "$jobs" -n 20 clang-format-19 --dry-run -Werror; then
    say "Not formatted as .clang-format says: run ./dev format"
    return 1
  fi
}

verb_lint() {
  need_packages build test clang
  if [[ ${1:-} == --changed ]]; then lint_files < <(changed_sources); else lint_files < <(all_sources); fi
}
all_sources() { git ls-files -co --exclude-standard -- 'src/*.cpp'; }
changed_sources() {
  local base
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  { git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' && git ls-files -o --exclude-standard -- 'src/*.cpp'; } |
    sort -u
}
# Reads file names. clang-tidy needs the lint preset's commands, its precompiled header and the generated headers.
lint_files() {
  local files
  files=$(cat)
  [[ -n $files ]] || { say "nothing to lint"; return; }
  build lint lint_prerequisites
  printf '%s\n' "$files" | xargs -P "$jobs" -n 1 clang-tidy-19 --quiet -p build/lint --warnings-as-errors='*' 2>/dev/null
}

verb_sanitize() {
  local presets=(asan-ubsan tsan) preset
  case ${1:-} in
    asan-ubsan | tsan) presets=("$1"); shift ;;
  esac
  need_packages build test
  for preset in "${presets[@]}"; do
    step "Building the tests ($preset)"
    build "$preset"
    counted "C++ tests ($preset)" run_sanitized "$preset" "${1:-}"
  done
  close_report
}
# run_sanitized PRESET [FILTER]. addr2line is always there, llvm-symbolizer may not be.
run_sanitized() {
  ASAN_OPTIONS=allow_addr2line=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1 \
    UBSAN_OPTIONS=allow_addr2line=1:print_stacktrace=1 \
    TSAN_OPTIONS=allow_addr2line=1:second_deadlock_stack=1:halt_on_error=1 run_ctest "$@"
}

verb_fuzz() {
  local seconds=60
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
  need_packages build test clang
  step "Building the fuzz targets"
  build fuzz fuzz_targets
  counted "Fuzz targets, $seconds s each" run_fuzz "$seconds" "${1:-}"
  close_report
}
# run_fuzz SECONDS [NAME]: from the committed corpus, as many targets at once as there are cores; what is found on the way
# goes to build/fuzz/corpus and stays there.
run_fuzz() {
  local seconds=$1 only=${2:-} all names name passed=0 failed=0
  all=$(for name in tests/fuzz/*/*_fuzz.cpp; do basename "$name" _fuzz.cpp; done)
  names=$(grep -Fx -- "${only:-$all}" <<<"$all") || die "no fuzz target is called $only: there are ${all//$'\n'/, }"
  mkdir -p build/fuzz/crashes build/fuzz/logs
  rm -f build/fuzz/logs/*
  export -f fuzz_target
  xargs -P "$jobs" -I {} bash -c 'fuzz_target "$@"' fuzz {} "$seconds" <<<"$names" || true
  for name in $names; do
    if [[ -f build/fuzz/logs/$name.passed ]]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      cat "build/fuzz/logs/$name"
      say "FAILED: $name; the input that did it is build/fuzz/crashes/$name-*"
    fi
  done
  echo "$passed $failed 0" >"$counts"
  ((failed == 0))
}
# fuzz_target NAME SECONDS: leaves build/fuzz/logs/NAME, and NAME.passed beside it.
fuzz_target() {
  local binary
  binary=$(find build/fuzz/tests -name "$1_fuzz" -type f)
  mkdir -p "build/fuzz/corpus/$1"
  ASAN_OPTIONS=allow_addr2line=1 "$binary" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/crashes/$1-" "build/fuzz/corpus/$1" "tests/fuzz/corpus/$1" >"build/fuzz/logs/$1" 2>&1 &&
    touch "build/fuzz/logs/$1.passed" &&
    echo "-- $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/logs/$1") inputs"
}

verb_check() {
  need_packages build test clang
  checked "Format" check_format
  checked "Layers" python3 tools/layers
  checked "House rules (tidy)" python3 tools/tidy
  step "Building (debug)"
  build debug
  counted "Unit tests" run_ctest debug "" -L unit
  checked "Lint of changed files" verb_lint --changed
  close_report
}

verb_ci() {
  need_packages build test clang
  checked "Format" check_format
  checked "Layers" python3 tools/layers
  checked "House rules (tidy)" python3 tools/tidy
  step "Building inkwell and its tests (release)"
  build_tests release
  counted "C++ tests (release)" run_ctest release
  checked "npm packages of the client tests" install_clients
  counted "Client tests (node)" run_clients release
  counted "Documents' snippets" run_snippets release
  step "Building with clang, AddressSanitizer and UndefinedBehaviorSanitizer"
  build fuzz
  counted "C++ tests (clang, asan-ubsan)" run_sanitized fuzz
  counted "Fuzz targets, 10 s each" run_fuzz 10
  step "Building with ThreadSanitizer"
  build tsan
  counted "C++ tests (tsan)" run_sanitized tsan
  checked "Lint" verb_lint
  close_report
}
