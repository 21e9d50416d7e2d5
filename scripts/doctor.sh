#!/usr/bin/env bash
# Checks the tools that a target needs, before it starts, and prints the one command that mends
# whatever is missing. Silent when nothing is. It never installs anything itself: what goes into
# somebody's system is their decision.
#
# usage: PYTHON=python3 scripts/doctor.sh [build|lint]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:-build}
minimum_python=3.11
minimum_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
problems=()
packages=()
steps=()

have() { command -v "$1" >/dev/null 2>&1; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

if [ -z "${PYTHON:-}" ] || ! have "$PYTHON"; then
  problems+=("no Python >= $minimum_python found${PYTHON:+ (PYTHON=$PYTHON)}")
  packages+=(python3 python3-venv)
else
  # One start of the interpreter answers all three questions.
  case "$("$PYTHON" -c '
import sys
if sys.version_info < (3, 11):
    print("old", ".".join(map(str, sys.version_info[:3])))
else:
    try:
        import ensurepip, venv
        print("ready")
    except ImportError:
        print("bare", "%d.%d" % sys.version_info[:2])
' 2>/dev/null)" in
    ready) ;;
    old*)
      problems+=("$PYTHON is older than $minimum_python; set PYTHON=/path/to/a/newer/one if you have it")
      packages+=(python3.11 python3.11-venv)
      ;;
    bare*)
      problems+=("$PYTHON cannot make virtual environments (no venv or ensurepip)")
      packages+=("$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
      ;;
    *)
      problems+=("$PYTHON does not run")
      packages+=(python3 python3-venv)
      ;;
  esac
fi

if ! have cc; then
  problems+=("no C linker (cc), which rustc needs")
  packages+=(build-essential)
fi
have make || packages+=(make)

rustup='curl --proto "=https" --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y'
if ! have cargo || ! have rustc; then
  problems+=("no Rust toolchain (cargo and rustc >= $minimum_rust)")
  have curl || packages+=(curl ca-certificates)
  steps+=("$rustup")
else
  rust=$(rustc --version | cut -d ' ' -f 2)
  if ! at_least "$minimum_rust" "${rust%%-*}"; then
    problems+=("rustc $rust is older than $minimum_rust")
    if have rustup; then
      steps+=("rustup update stable")
    else
      have curl || packages+=(curl ca-certificates)
      steps+=("$rustup")
    fi
  elif [ "$purpose" = lint ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    problems+=("cargo fmt or cargo clippy is missing")
    if have rustup; then
      steps+=("rustup component add rustfmt clippy")
    else
      packages+=(rustfmt rust-clippy)
    fi
  fi
fi

[ ${#problems[@]} -eq 0 ] && exit 0

if [ ${#packages[@]} -gt 0 ]; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo "
  steps=("${sudo}apt-get update && ${sudo}apt-get install -y ${packages[*]}" ${steps[@]+"${steps[@]}"})
fi
command=${steps[0]}
for step in "${steps[@]:1}"; do command="$command && $step"; done
{
  echo "hybridgw cannot be built yet:"
  printf '  - %s\n' "${problems[@]}"
  echo "this mends it (Debian, Ubuntu):"
  echo "  $command"
} >&2
exit 1
