# Unit and property tests of every crate, and real servers on loopback.

part_unit() {
  check "packages" packages nut-server nut-client libnss3-tools openssl openssh-server openssh-client strace
  suite "core" core_tests
  suite "documents" cargo test --quiet -p ananke-crds --lib
  suite "nut, with a real upsd" cargo test --quiet -p ananke-nut
  suite "hosts, with a real sshd" cargo test --quiet --no-fail-fast -p ananke-hosts
  suite "kube" cargo test --quiet -p ananke-kube
  suite "virtual world" cargo test --quiet -p ananke-sim
  suite "evidence of the lab, judged again" cargo test --quiet -p ananke-lab --test recorded
  suite "program" cargo test --quiet -p ananke --lib
}

# Every test of the core but those of the parts `golden` and `proof`: a new file is not forgotten.
core_tests() {
  local file name tests=()
  for file in controller/core/tests/*.rs; do
    name=$(basename "$file" .rs)
    case $name in golden | tables | ups) ;; *) tests+=(--test "$name") ;; esac
  done
  cargo test --quiet -p ananke-core --lib "${tests[@]}"
}
