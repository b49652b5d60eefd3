"""The protocol as both sides speak it: pure functions and frozen types (SPEC.md)."""
