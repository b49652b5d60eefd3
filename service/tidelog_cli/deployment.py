"""The service's data folder, opened by a command beside the service or without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tidelog.wire.errors import UsageError
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.registry import Registry


@contextmanager
def opened_registry(data: Path, *, create: bool) -> Iterator[Registry]:
    """Users, devices, channels and members of a data folder; a running service sees changes at its next call.

    Args:
        data: the folder.
        create: whether to make one that does not exist.

    Raises:
        UsageError: code ``no_data``: there is none, and ``create`` is false.
    """
    with opened_database(data, create=create) as database, closing(Registry(database)) as registry:
        yield registry


@contextmanager
def opened_database(data: Path, *, create: bool) -> Iterator[Database]:
    """The database of a data folder; arguments and errors as `opened_registry`."""
    if not create and not data.is_dir():
        raise UsageError(
            f"there is no data folder {data}",
            code="no_data",
            hint="--data DIR names another; `tidelog user add`, `device add`, `import`, `serve` make one",
        )
    with open_database(DataFolder(data).database) as database:
        yield database
