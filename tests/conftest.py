"""Settings of all tests."""

from hypothesis import settings

# Other work shares the machine: an example may take longer than hypothesis expects of it.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
