"""The checks of servers.

Start with ``test_examples``, which plays the specification's own examples, and ``course``, which
holds each answer against the model.
"""
