"""Profiles: what a device needs to connect, kept for ``--as NAME``.

One TOML file each, readable by its owner only, under ``$XDG_CONFIG_HOME/tidelog/profiles``
(``~/.config/tidelog/profiles``), ``TIDELOG_PROFILES`` or ``--profile-dir``.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tidelog.wire.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A device of this computer's user.

    Attributes:
        url: the broker.
        device: the device's id.
        secret: its password at the broker.
        store: path of its store.
    """

    url: str
    device: str
    secret: str
    store: str


def folder(chosen: Path | None) -> Path:
    """Where profiles are: the folder chosen, else the one of the XDG base directory specification."""
    if chosen is not None:
        return chosen
    configuration = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(configuration) / "tidelog" / "profiles"


def path_of(name: str, chosen: Path | None) -> Path:
    """The file of a profile.

    Raises:
        UsageError: code ``profile``: the name would leave the folder.
    """
    if not name or name.startswith(".") or Path(name).name != name:
        raise UsageError(f"not a profile name: {name!r}", code="profile", hint="a name, not a path")
    return folder(chosen) / f"{name}.toml"


def free_store(name: str, chosen: Path | None) -> Path:
    """A path for the store of a device that was just added: a file that does not exist yet.

    A store that is there already belongs to a device of the same name in another life; its records and
    outbox must not mix with this one's.
    """
    base = folder(chosen)
    candidates = (base / f"{name}{number}.db" for number in ["", *(f"-{n}" for n in range(2, 10_000))])
    return next(path for path in candidates if not path.exists()).absolute()


def keep(name: str, profile: Profile, chosen: Path | None) -> bool:
    """Write a profile; one of the same name is moved aside to ``NAME.toml.old``.

    Returns:
        whether another one was moved aside.

    Raises:
        UsageError: see `path_of`.
        OSError: the file cannot be written.
    """
    path = path_of(name, chosen)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replaced = path.exists()
    if replaced:
        path.replace(path.with_suffix(".toml.old"))
    # JSON's strings are TOML's basic strings (toml.io, v1.0.0, "String")
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in asdict(profile).items()]
    path.touch(mode=0o600, exist_ok=False)
    path.write_text("".join(lines), "utf8")
    return replaced


def read(name: str, chosen: Path | None) -> Profile:
    """Read a profile.

    Raises:
        UsageError: code ``profile``: there is none of this name, or its file is damaged.
    """
    path = path_of(name, chosen)
    try:
        table = tomllib.loads(path.read_text("utf8"))
        return Profile(**{field.name: str(table[field.name]) for field in fields(Profile)})
    except FileNotFoundError as missing:
        raise _absent(name, path.parent) from missing
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise UsageError(
            f"the profile {path} is damaged: {error}",
            code="profile",
            hint="it needs url, device, secret and store",
        ) from error


def _absent(name: str, where: Path) -> UsageError:
    names = ", ".join(sorted(path.stem for path in where.glob("*.toml"))) or "none"
    return UsageError(
        f"there is no profile {name!r} in {where} (there: {names})",
        code="profile",
        hint="`tidelog device add USER DEVICE --save` keeps one",
    )
