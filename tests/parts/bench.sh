# Figures for docs/performance.md.

part_bench() {
  check "decide" cargo bench --quiet -p ananke-core --bench decide
  cat "$logs/check-decide.log"
}
