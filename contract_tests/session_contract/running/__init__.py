"""Runs the checks with pytest: the plugin, what it collects, and the run of the command."""
