"""Clients as targets: what one is driven with, and the witness that it talks to."""
