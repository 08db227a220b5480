"""Finds in the files of a project what otherwise breaks only at run time."""
