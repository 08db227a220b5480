"""Shows the examples at work, without NI's software: a fake station, servers and plug-ins."""
