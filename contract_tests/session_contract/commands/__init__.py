"""The commands of ``session-contract`` that need more than the specification."""
