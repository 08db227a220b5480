"""The checks of device servers, and of NI's driver packages as their clients.

Start with ``test_examples``, which plays the specification's own examples.
"""
