#!/bin/sh
# Judges a target in any CI that has a shell and Python 3.10 or later:
#
#   contract.sh target.toml            as much as a push deserves
#   contract.sh target.toml --thorough at night
#
# What follows the target is given on to session-contract run; the exit code is the verdict.
#   PYTHON            the Python to make an environment with (python3)
#   SESSION_CONTRACT  what pip installs: a version, or git+https://… of a clone; set and empty where
#                     session-contract is on the path already
set -eu
if [ $# -eq 0 ]; then
    echo "Name the target file: contract.sh target.toml" >&2
    exit 2
fi
target=$1
shift
package=${SESSION_CONTRACT-session-contract[contract]}
if [ -n "$package" ]; then
    "${PYTHON:-python3}" -m venv .contract-venv
    PATH=$PWD/.contract-venv/bin:$PATH
    python -m pip install --quiet "$package"
fi

# Both are run, so that one red build tells all there is to mend.
checked=0
session-contract lint "$(dirname "$target")" || checked=$?
session-contract run --target "$target" "$@" || exit $?
exit "$checked"
