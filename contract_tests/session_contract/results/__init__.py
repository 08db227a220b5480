"""What a run found out, and the forms in which it is told."""
