#!/bin/sh
# Makes .venv in this folder, with what pyproject.toml asks for: the environment of the code modules.
# Give the Python to make it with, if it is not python3.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
reference=$here/../../reference_impl/session_reference
"${1:-python3}" -m venv "$here/.venv" &&
    "$here/.venv/bin/python" -m pip --disable-pip-version-check install --quiet \
        "$reference/custom_instrument" "$reference/file_logger" "$here"
