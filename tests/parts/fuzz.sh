# Fuzzing: each target for ANANKE_FUZZ_SECONDS, with what was found before.

part_fuzz() {
  local target
  check "packages" packages g++
  check "the fuzzer" fuzzer
  for target in tests/fuzz/corpus/*/; do
    fuzzed "$(basename "$target")"
  done
}

# Built beside the ordinary program of that name, and kept where that one does not replace it. What
# reads bytes is optimised.
fuzzer() {
  local crate config=()
  for crate in ananke-crds ananke-fuzz ananke-hosts ananke-nut granit-parser serde-saphyr; do
    config+=(--config "profile.dev.package.$crate.opt-level=1")
  done
  RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/instrumented \
    cargo build --quiet -p ananke-fuzz --features fuzzer "${config[@]}" &&
    install -D target/debug/ananke-fuzz "$cache/fuzz/fuzzer"
}

# fuzzed TARGET: its figures, and of an input that fails the command that shows it.
fuzzed() {
  local found=$cache/fuzz/$1 log=$logs/fuzz-$1.log failing
  mkdir -p "$found"
  rm -f "$cache/fuzz/$1-"*
  if ANANKE_FUZZ_TARGET=$1 "$cache/fuzz/fuzzer" -max_total_time="${ANANKE_FUZZ_SECONDS:-60}" \
    -max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$cache/fuzz/$1-" "$found" "tests/fuzz/corpus/$1" >"$log" 2>&1; then
    ok "fuzz: $1: $(fuzz_figures "$log")"
  else
    bad "fuzz: $1: $(fuzz_figures "$log") (whole log: $log)"
    grep -m 1 -A 2 -E 'panicked at|ERROR: libFuzzer' "$log"
    for failing in "$cache/fuzz/$1-"*; do
      say "        again: cargo run --quiet -p ananke-fuzz -- $1 $failing"
    done
  fi
}

# From the last line that tells of progress, and the sums at the end.
fuzz_figures() {
  awk '/cov: / {for (i = 1; i < NF; i++) {if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corp = $(i + 1)}}
    /stat::number_of_executed_units/ {runs = $2}
    END {split(corp, inputs, "/"); print runs + 0 " executions, " cov + 0 " edges covered by " inputs[1] + 0 " inputs"}' "$1"
}
