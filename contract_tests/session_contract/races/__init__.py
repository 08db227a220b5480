"""Judges calls that overlap: is there an order in which, one after the other, they are right?

Start with :func:`judge_history`; ``search`` looks for an order, ``explaining`` says in a few calls
why there is none.
"""

from __future__ import annotations

from session_contract.races.explaining import Contradiction
from session_contract.races.judging import History, Inconclusive, Possible, judge_history

__all__ = ["Contradiction", "History", "Inconclusive", "Possible", "judge_history"]
