"""A fake of NI's gRPC Device Server, with simulated instruments on one shared bench.

Nothing here is loaded before a client opens a session of a driver: the descriptors of the drivers
come from their installed packages, and reading them takes a while.
"""

from __future__ import annotations
