"""The checks of the contract suite: pytest tests that are run against a target.

Each class of targets has a folder. A check says by a mark which requirement it is of.
"""
