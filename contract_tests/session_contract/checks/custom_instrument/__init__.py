"""The checks of profile custom-instrument."""
