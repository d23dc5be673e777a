# What is proven by machine, with the counts that docs/proof.md explains.

part_proof() {
  counts "ups corpus" cargo test --quiet -p ananke-core --test ups -- --nocapture
  counts "model check" cargo test --quiet -p ananke-core --test model -- --nocapture
  counts "fuzz corpus" cargo test --quiet -p ananke-fuzz --test corpus -- --nocapture
  counts "sweeps" cargo test --quiet -p ananke --test sweeps -- --nocapture --test-threads=1
}

# counts NAME COMMAND…: a suite that also tells what it counted.
counts() {
  suite "$@"
  grep -oE '(ups corpus|model check|sweep|scenarios|agreement|replay|mutants|fuzz corpus): .*' "$logs/suite-${1//[^A-Za-z0-9]/-}.log" | sed 's/^/        /'
}
