"""How the records of a page are compressed after what the device holds (SPEC.md, "Page").

A new codec is a module with a class, a line in `registry`, and one in `press`.
"""

from tidelog.codec.registry import by_name, expand, offered

__all__ = ["by_name", "expand", "offered"]
