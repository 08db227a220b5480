"""A station as a target: NI's three services at an address, or the fakes that stand in for them.

Whatever this room knows of a station it learns over gRPC; it has never seen a fake.
"""
