# Real hosts, real upsd, a real control plane.

part_lab() {
  check "what the lab needs" tests/lab/install
  check "a real control plane" tests/lab/stack/build
  check "the image of a host" cargo run --quiet --release -p ananke-lab -- image
  check "the program" cargo build --quiet --release -p ananke
  suite "the lab itself" cargo test --quiet --release -p ananke-lab --lib --test lab_works
  suite "stories" cargo test --quiet --release -p ananke-lab --test stories -- --nocapture --test-threads=1
}
