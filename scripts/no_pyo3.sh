#!/usr/bin/env bash
# Proves that the core knows nothing of Python: without its `python` feature the crate's dependency
# tree must not contain PyO3. The tree is read first and searched second, so that a cargo that fails
# for another reason cannot pass for a proof.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tree=$(cargo tree --locked --package router_core --edges normal,build,dev --prefix none)
grep -q '^router_core ' <<<"$tree"
if grep '^pyo3' <<<"$tree"; then
  echo "router_core depends on PyO3 without its python feature" >&2
  exit 1
fi
