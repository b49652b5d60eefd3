"""Transports of a device: paho over the network, loopback in one process."""
