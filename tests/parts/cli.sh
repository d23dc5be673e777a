# The commands as a user types them.

part_cli() {
  check "packages" packages w3m prometheus nut-server
  suite "commands" cargo test --quiet -p ananke --test cli
}
