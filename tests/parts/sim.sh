# The loop over the virtual world.

part_sim() {
  suite "stories in virtual time" cargo test --quiet -p ananke --test sim -- --nocapture
}
