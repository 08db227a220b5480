"""The checks of sequences.

Start with ``scenes``: what is done with a sequence, and which requirements that puts to the test.
"""
