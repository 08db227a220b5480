"""Makes a complete project of a service whose sessions are shared."""
