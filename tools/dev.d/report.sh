# shellcheck shell=bash
# What a verb says: its steps, its failures, and one closing line that counts.

say() { printf '%s\n' "$*"; }
step() { printf '\n==> %s\n' "$*"; }
die() {
  printf 'dev: %s\n' "$*" >&2
  if ((${#report_rows[@]})); then  # a verb that counts ends in its counts, whatever happens
    tally "what ended it: see above" 0 1 0
    close_report || true
  fi
  exit 1
}

# Suites and checks run to the end and are counted here; close_report prints them and decides the exit status.
report_rows=()
report_passed=0
report_failed=0
report_skipped=0

# tally WHAT PASSED FAILED SKIPPED
tally() {
  report_rows+=("$(printf '%-34s %6d passed %4d failed %4d skipped' "$@")")
  report_passed=$((report_passed + $2))
  report_failed=$((report_failed + $3))
  report_skipped=$((report_skipped + $4))
}

# checked WHAT COMMAND...: one check that passes or fails as a whole.
checked() {
  local what=$1 began=$SECONDS
  shift
  step "$what"
  if "$@"; then
    tally "$what" 1 0 0
  else
    say "FAILED: $what"
    tally "$what" 0 1 0
  fi
  say "($what: $((SECONDS - began)) s)"
}

# counted WHAT COMMAND...: a suite that writes its "PASSED FAILED SKIPPED" to the file $counts.
counted() {
  local what=$1 began=$SECONDS status=0 passed=0 failed=0 skipped=0
  shift
  step "$what"
  counts=$(mktemp)
  "$@" || status=$?
  read -r passed failed skipped <"$counts" || true
  rm -f "$counts"
  : "${passed:=0}" "${failed:=0}" "${skipped:=0}"
  if ((status != 0 && failed == 0)) || ((passed + failed + skipped == 0)); then
    say "FAILED: $what (exit status $status, $passed passed)"
    failed=$((failed + 1))
  fi
  tally "$what" "$passed" "$failed" "$skipped"
  say "($what: $((SECONDS - began)) s)"
}

close_report() {
  step "Summary (after $SECONDS s)"
  printf '  %s\n' "${report_rows[@]}"
  if ((report_skipped)); then
    say "A skipped test is a failure here: $report_skipped skipped."
    report_failed=$((report_failed + report_skipped))
  fi
  say "$report_passed passed, $report_failed failed"
  ((report_failed == 0))
}
