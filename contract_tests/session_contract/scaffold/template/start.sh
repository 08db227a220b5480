#!/bin/sh
# Starts the server; its flags are passed on. The first start makes .venv in this folder, with what
# pyproject.toml asks for, and so does the first after that file has changed.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
python=$here/.venv/bin/python

if ! { [ -x "$python" ] && cmp -s "$here/pyproject.toml" "$here/.venv/pyproject.toml"; }; then
    for found in python3 python3.13 python3.12 python3.11 python3.10 python ""; do
        if [ -z "$found" ]; then
            echo "The server needs Python 3.10 or later, and finds none: install it." >&2
            exit 1
        fi
        "$found" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && break
    done
    "$found" "$here/gadget_service/hosting/environment.py" "$here" || exit 1
fi
exec "$python" "$here/gadget_service" "$@"
