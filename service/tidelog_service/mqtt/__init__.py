"""The service as a client of the broker, and the broker configuration that it needs."""
