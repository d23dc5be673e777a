# What needs no run.

part_static() {
  check "packages" packages shellcheck systemd pkg-config prometheus
  check "rustfmt" cargo fmt --all --check
  check "clippy" cargo clippy --quiet --workspace --all-targets -- -D warnings
  check "rustdoc" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items
  check "the core is pure" core_is_pure
  check "the audit lives apart" audit_lives_apart
  check "cargo-deny is there" cargo_deny
  check "licences, bans and sources" cargo deny --log-level error check licenses bans sources
  check "shell scripts" shell_scripts
  check "systemd units" units_verify
  check "sudo rules" visudo_check
  check "rules for Prometheus" prometheus_rules
  check "nothing left in the tree" nothing_left
  check "planted faults can be planted" mutants_apply
}

# The core's dependencies make I/O impossible: whatever is not in this list needs an argument.
core_is_pure() {
  local extra
  extra=$(cargo tree --quiet -p ananke-core -e normal --prefix none | awk '{print $1}' | sort -u |
    grep -E '^(tokio|mio|socket2|reqwest|hyper|kube|openssh|rand|getrandom|async-trait|notify|rustix|libc)$')
  [ -z "$extra" ] || { echo "ananke-core depends on: $extra"; return 1; }
}

# What judges ananke knows nothing of it.
audit_lives_apart() {
  local known
  known=$(cargo tree --quiet -p ananke-audit -e normal,build,dev --prefix none | grep -oE '^ananke-[a-z]+' | sort -u)
  [ "$known" = ananke-audit ] || { echo "ananke-audit depends on: $known"; return 1; }
}

shell_scripts() {
  git ls-files -z -- tests .ci systemd | xargs -0 grep -lIE '^#!.*\b(ba)?sh\b' | xargs shellcheck -x -S warning
}

units_verify() {
  local out folder
  folder=$(mktemp -d) || return 1
  install -m 755 /bin/true "$folder/ananke"
  sed "s|/usr/local/bin/ananke|$folder/ananke|" systemd/ananke.service >"$folder/ananke.service"
  out=$(systemd-analyze verify --man=no "$folder/ananke.service" 2>&1)
  rm -rf "$folder"
  [ -z "$out" ] || { echo "$out"; return 1; }
}

visudo_check() {
  packages sudo && visudo -cf systemd/sudoers.d/ananke
}

# Every alert fires in a test of its own, and none fires when it should not.
prometheus_rules() {
  local folder=configs/prometheus untested
  promtool check rules --lint=all --lint-fatal "$folder/ananke.rules.yaml" &&
    promtool test rules "$folder/ananke.rules.test.yaml" || return 1
  untested=$(sed -n 's/^ *- alert: //p' "$folder/ananke.rules.yaml" | while read -r alert; do
    grep -q "alertname=\"$alert\"" "$folder/ananke.rules.test.yaml" || echo "$alert"
  done)
  [ -z "$untested" ] || { echo "never seen firing: $untested"; return 1; }
}

# A word that should not be here, a file that is too long to read.
nothing_left() {
  local found
  found=$(git grep -nIE 'todo!\(|unimplemented!\(|dbg!\(|FIXME|XXX' -- "*.rs" "*.go" "*.sh" tests/run ":!tests/parts/static.sh")
  [ -z "$found" ] || { echo "$found"; return 1; }
  found=$(git ls-files '*.rs' | xargs wc -l | awk '$2 != "total" && $1 > 500 {print $2 ": " $1 " lines"}')
  [ -z "$found" ] || { echo "$found"; return 1; }
}
