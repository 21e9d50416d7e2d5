#!/usr/bin/env bash
# One long step of the Makefile with a line of progress for each thing done: the program's whole output
# goes to LOG, the lines that begin with a word of PATTERN (a sed regular expression) are shown as they
# come. When the step fails, the end of LOG is shown and the program's status is kept.
#
# usage: scripts/step.sh LOG PATTERN COMMAND...
set -uo pipefail
log=$1 pattern=$2
shift 2
"$@" 2>&1 | tee "$log" | sed -un "s/^[[:space:]]*\($pattern\)/  \1/p"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
  tail -n 40 "$log" >&2
  echo "this failed: $* (all of its output is in $log)" >&2
fi
exit "$status"
