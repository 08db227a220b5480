#!/bin/sh
# Starts the measurement; Discovery does so when somebody asks for it. The first start makes .venv
# in this folder, with what pyproject.toml asks for; the client comes from the folder or the wheel
# named here.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
client=${JSON_LOGGER_CLIENT:-$here/../../reference_impl/session_reference/file_logger}

if ! [ -f "$here/.venv/complete" ]; then
    python3 -m venv "$here/.venv" &&
        "$here/.venv/bin/python" -m pip --disable-pip-version-check install --quiet "$client" "$here" &&
        touch "$here/.venv/complete" || exit 1
fi
exec "$here/.venv/bin/python" "$here/measurement.py" "$@"
