"""Device and service in one process on a virtual clock: the ground under the simulation and the scenarios."""
