"""Options that come together: declared once, as the fields of a dataclass, and taken by a command as one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it: each parameter that is a dataclass becomes its fields, in its place.

    Args:
        command: its groups are keyword parameters without defaults; annotations and defaults of their fields
            are those of the options.

    Returns:
        what takes the options one by one.
    """
    declared = inspect.signature(command, eval_str=True)
    groups = {name: one.annotation for name, one in declared.parameters.items() if _is_group(one)}

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    parameters = [option for one in declared.parameters.values() for option in _options(one)]
    run.__signature__ = declared.replace(parameters=parameters)  # type: ignore[attr-defined]  # a function's own, PEP 362
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return run


def _options(declared: Parameter) -> Iterator[Parameter]:
    if not _is_group(declared):
        yield declared
        return
    hints = get_type_hints(declared.annotation, include_extras=True)
    for field in fields(declared.annotation):
        yield Parameter(
            field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )


def _is_group(declared: Parameter) -> bool:
    return is_dataclass(declared.annotation)
