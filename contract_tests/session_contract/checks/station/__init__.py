"""The checks of stations: Discovery, Pin Map and Session Management as a client sees them.

Start with ``test_examples``, which plays the specification's own examples, and ``course``, which
holds what a station answers against the model. The other modules call NI's stubs, which they have
from the fixtures of pytest-grpc; ``fixtures`` puts the station where these start a server.
"""
