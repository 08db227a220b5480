"""The contract: the command line, and the suite that judges implementations."""
