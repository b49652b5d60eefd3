"""How a dictionary is trained on a deployment's records, and what it brings."""
