"""Puts a test sequence on a stage: NI's services are fakes, and its server has a witness before it.

Start with ``target``, what its user says of it; then ``environment``, which runs it, and
``telling``, which makes of what was seen the events that the model of sequences judges.
"""
