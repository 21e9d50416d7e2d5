#!/usr/bin/env bash
# Rewrites requirements/*.lock from pyproject.toml, for all supported Python versions at once.
#
# The files hold names, versions and hashes, and no address: where packages come from is a matter
# of each machine's pip configuration, what they are is pinned here. dev and bench are constrained
# by runtime, so that what is tested and measured is what runs. Pass --upgrade to take newer versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv=${UV:-uv}
compile() {
  local output=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    "$@" --output-file "$output"
}

compile requirements/runtime.lock pyproject.toml --group build "$@"
compile requirements/dev.lock pyproject.toml --group build --group dev --constraint requirements/runtime.lock "$@"
compile requirements/node.lock --group node "$@"
compile requirements/bench.lock pyproject.toml --group build --group bench --constraint requirements/runtime.lock "$@"

if grep -nE 'https?://|^--(index|find|extra)' requirements/*.lock; then
  echo "a lock file holds an address" >&2
  exit 1
fi
