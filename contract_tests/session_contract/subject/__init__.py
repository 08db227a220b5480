"""What is judged: a target described by its user, and the calls that are made to it."""
