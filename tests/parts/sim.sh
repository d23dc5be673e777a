# The loop over the virtual world.

part_sim() {
  counts "stories in virtual time" cargo test --quiet -p ananke --test sim -- --nocapture
  counts "scenarios" cargo test --quiet -p ananke --test scenarios -- --nocapture
}
