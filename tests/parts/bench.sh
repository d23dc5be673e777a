# Figures for docs/performance.md. What they need is what the lab needs.

part_bench() {
  check "what the lab needs" tests/lab/install
  check "a real control plane" tests/lab/stack/build
  check "the programs" cargo build --quiet --release -p ananke -p ananke-lab
  check "the image of a host" cargo run --quiet --release -p ananke-lab -- image
  figures "decide" cargo bench --quiet -p ananke-core --bench decide
  figures "a virtual outage" cargo bench --quiet -p ananke --bench outage
  figures "detection" cargo bench --quiet -p ananke-lab --bench real -- detection
  figures "at rest" cargo bench --quiet -p ananke-lab --bench real -- at-rest
}

# figures NAME COMMAND…: a check whose output is what it is for.
figures() {
  check "$@"
  cat "$logs/check-${1//[^A-Za-z0-9]/-}.log"
}
