"""The commands, a module each; `tidelog_cli.catalogue` lists them.

A function's docstring is its ``--help``.
"""
