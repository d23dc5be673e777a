# Real hosts, real upsd, a real control plane.

part_lab() {
  check "what the lab needs" tests/lab/install
  check "a real control plane" tests/lab/stack/build
  check "the programs" cargo build --quiet -p ananke -p ananke-lab
  check "the image of a host" cargo run --quiet -p ananke-lab -- image
  suite "the stack by itself" tests/lab/stack/prove
  suite "the lab itself" cargo test --quiet -p ananke-lab --lib --test lab_works
  counts "supplies" cargo test --quiet -p ananke-lab --test supplies -- --nocapture --test-threads=1
  counts "stories" cargo test --quiet -p ananke-lab --test stories -- --nocapture --test-threads=1
}
