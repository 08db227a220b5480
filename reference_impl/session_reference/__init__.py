"""Reference servers and clients to trust and to copy."""
