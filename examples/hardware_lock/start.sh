#!/bin/sh
# Starts the server in the clone, with the Python that has the kit; its flags are passed on. A copy
# has another one, which makes an environment of its own.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec "${PYTHON:-python3}" "$here" "$@"
