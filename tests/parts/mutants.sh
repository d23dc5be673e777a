# Faults that every suite must see: planted on purpose, and made by a machine.

part_mutants() {
  suite "planted faults" tests/mutants/run
  grep -E '^mutants?[: ]' "$logs/suite-planted-faults.log" | sed 's/^/        /'
}

# A patch that does not apply plants nothing.
mutants_apply() {
  local patch rc=0
  for patch in tests/mutants/*.patch; do git apply --check "$patch" || rc=1; done
  return $rc
}

# ANANKE_SHARD=K/N is the K-th of N parts of them, from 0.
part_mutate() {
  check "cargo-mutants is there" cargo_mutants
  suite "made by a machine" mutate
  grep -E '^(mutate:|MISSED|TIMEOUT)' "$logs/suite-made-by-a-machine.log" | sed 's/^/        /'
}

cargo_mutants() {
  [ -x "$tools/bin/cargo-mutants" ] || cargo install --quiet --locked --root "$tools" cargo-mutants@27.1.0
}

mutate() {
  local out=$cache/mutate/mutants.out caught missed late unbuilt rc
  mkdir -p "$cache/mutate"
  cargo mutants --package ananke-core --shard "${ANANKE_SHARD:-0/1}" --colors never --output "$cache/mutate"
  rc=$?
  caught=$(wc -l <"$out/caught.txt") missed=$(wc -l <"$out/missed.txt")
  late=$(wc -l <"$out/timeout.txt") unbuilt=$(wc -l <"$out/unviable.txt")
  echo "mutate: $caught caught, $missed missed, $late without an end, $unbuilt that are no program"
  echo "$((caught + late)) passed, $missed failed"
  # 3: some ran without an end, which a test sees too.
  [ $rc = 0 ] || [ $rc = 3 ]
}
