"""The checks of profile file-logger."""
