#!/usr/bin/env bash
# The comparison needs nginx as its yardstick. Installed here only where that asks nobody: as root
# (containers, CI) through apt-get; otherwise the command is printed and the comparison runs without it.
set -uo pipefail

command -v nginx >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing nginx for the comparison"
  # Only the program: a started service would hold a port that somebody else may want.
  apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends nginx >/dev/null && exit 0
fi
echo "nginx is missing, the comparison leaves its row out; to have it: sudo apt-get install -y nginx" >&2
exit 0
