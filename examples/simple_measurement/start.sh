#!/bin/sh
# Starts the measurement; Discovery does so when somebody asks for it. The first start makes .venv
# in this folder, with what pyproject.toml asks for; the client comes from the folder or the wheel
# named here.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
client=${DEVICE_COMMUNICATION_CLIENT:-$here/../../reference_impl/session_reference/custom_instrument}

if ! [ -f "$here/.venv/complete" ]; then
    python3 -m venv "$here/.venv" &&
        "$here/.venv/bin/python" -m pip --disable-pip-version-check install --quiet "$client" "$here" &&
        touch "$here/.venv/complete" || exit 1
fi
exec "$here/.venv/bin/python" "$here/measurement.py" "$@"
