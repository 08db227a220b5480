"""All wrong implementations, of every class of targets.

A class adds a module with a list ``WRONG`` here.
"""

from __future__ import annotations

from selftest import clients, one_line, profiles, sequences, small_servers, stations
from selftest.wrong import Wrong

WRONG: list[Wrong] = [
    *one_line.WRONG,
    *small_servers.WRONG,
    *clients.WRONG,
    *sequences.WRONG,
    *stations.WRONG,
    *profiles.WRONG,
]
