"""The bench of bytes: what a sync takes on the socket, beside what it would have to take at least."""
