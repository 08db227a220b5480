"""A measurement plug-in as NI's template makes them: ``python plug_in.py Voltage`` or ``Current``.

It knows nothing of a fake station: Discovery, Session Management and the notebook's service are
whatever NI's SDK finds.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sys
from pathlib import Path

import ni_measurement_plugin_sdk_service as nims

from session_fakes.demo.client import INSTRUMENT_TYPE, NotebookConstructor

NAME = sys.argv[1]
measurement_service = nims.MeasurementService(
    service_config_path=Path(__file__).with_name(f"{NAME}.serviceconfig"), ui_file_paths=[]
)


@measurement_service.register_measurement
@measurement_service.configuration(
    "Pin", nims.DataType.IOResource, "NotebookPin", instrument_type=INSTRUMENT_TYPE
)
@measurement_service.output("Session id", nims.DataType.String)
@measurement_service.output("New session", nims.DataType.Boolean)
def measure(pin: str) -> tuple[str, bool]:
    """Write a result into the notebook, in a session that may be open already."""
    with (
        measurement_service.context.reserve_session(pin) as reservation,
        reservation.initialize_session(NotebookConstructor(NAME), INSTRUMENT_TYPE) as info,
    ):
        info.session.write(f"{NAME}: passed")
        return info.session.session_id, info.session.new_session


if __name__ == "__main__":
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")
