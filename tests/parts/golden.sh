# Data in, data out; the expected half is written by hand.

part_golden() {
  suite "decisions" cargo test --quiet -p ananke-core --test golden --test tables
  suite "documents" cargo test --quiet -p ananke-crds --test '*'
}
