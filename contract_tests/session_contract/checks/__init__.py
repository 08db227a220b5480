"""The checks of the contract suite: pytest tests that are run against a target.

Start with ``test_examples``, which plays the specification's own examples, and ``course``, which
holds each answer against the model. Each check says by a mark which requirement it is of.
"""
