"""The device as a sans-I/O machine, and the ports that its shell must fill."""
