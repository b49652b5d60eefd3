"""Where a device keeps its records, holdings and outbox: memory or one SQLite file."""
