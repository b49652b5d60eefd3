"""A simulated fleet that checks the service record by record."""
