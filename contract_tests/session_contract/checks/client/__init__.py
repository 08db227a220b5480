"""The checks of clients: what each sends is seen by a server that the kit serves for it."""
