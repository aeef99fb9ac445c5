# shellcheck shell=bash
# The benchmarks: each measures ours and its peers in one run and prints the ratio. Not tests: nothing fails on a time.

# A benchmark is bench/<layer>/<name>_bench.cpp, or a script bench/<layer>/<name>_bench.sh that starts what it compares.
verb_bench() {
  local name=
  if (($#)) && [[ $1 != -- ]]; then name=$1; shift; fi
  [[ ${1:-} == -- ]] && shift
  local sources=(bench/*/"${name:-*}"_bench.cpp bench/*/"${name:-*}"_bench.sh) source found=
  need_packages build bench
  step "Building the benchmarks (bench)"
  build bench
  for source in "${sources[@]}"; do
    [[ -f $source ]] || continue
    found=yes
    step "$source"
    run_bench "$source" "$@" || die "$source failed (see above)"
  done
  [[ -n $found ]] || die "no benchmark \"$name\"; there are: $(bench_names)"
}
run_bench() {
  local source=$1
  shift
  case $source in
    *.sh) INKWELL_BINARY=$PWD/build/bench/bin/inkwell bash "$source" "$@" ;;
    *) "build/bench/bench/bench_$(basename "$source" _bench.cpp)" "$@" ;;
  esac
}
bench_names() {
  local source names=()
  for source in bench/*/*_bench.cpp bench/*/*_bench.sh; do
    [[ -f $source ]] && names+=("$(basename "${source%_bench.*}")")
  done
  echo "${names[*]}"
}
