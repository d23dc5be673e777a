# The commands as a user types them.

part_cli() {
  check "packages" packages curl w3m
  suite "commands" cargo test --quiet -p ananke --test cli
}
