# A night's worth of random faults.

part_nightly() {
  export ANANKE_SEEDS=${ANANKE_SEEDS:-1000000}
  counts "seeds by the night" cargo test --quiet -p ananke --test sweeps random_faults -- --nocapture
}
