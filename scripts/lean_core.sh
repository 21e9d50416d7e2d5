#!/usr/bin/env bash
# Proves what the crates carry along. Without its `python` feature router_core is built without PyO3 and
# without the learner; with it, it has both, or the search would prove nothing. The learner knows neither
# router_core nor PyO3. Each tree is read first and searched second, so that a cargo that fails for another
# reason cannot pass for a proof.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# tree CRATE [OPTIONS]: the names of all crates that it is built with, itself first, one a line.
tree() {
  cargo tree --locked --prefix none --package "$@" | cut -d ' ' -f 1
}

# with NAME TREE
with() {
  grep -qx "$1" <<<"$2" || { echo "$1 is not where this search expects it" >&2; exit 1; }
}

# without NAME TREE MEANING
without() {
  ! grep "^$1" <<<"$2" || { echo "$3" >&2; exit 1; }
}

built=$(tree router_core --edges normal,build)
tested=$(tree router_core --edges normal,build,dev)
python=$(tree router_core --edges normal,build --features python)
learner=$(tree complexity_train --edges normal,build,dev)

with router_core "$built"
with router_core "$tested"
with complexity_train "$learner"
with pyo3 "$python"
with complexity_train "$python"

without pyo3 "$tested" "router_core depends on PyO3 without its python feature"
without complexity_train "$built" "router_core is built with the learner without its python feature"
without pyo3 "$learner" "complexity_train depends on PyO3"
without router_core "$learner" "complexity_train depends on router_core, which depends on it"
