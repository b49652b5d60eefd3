"""The sans-I/O service: what is stored, what is answered, who may read."""
