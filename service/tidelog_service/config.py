"""The service's configuration: every key once, with its meaning, unit, bounds and default.

Sources, the first that names a key wins:

1. options of the command line;
2. the environment: ``TIDELOG_SECTION__KEY``, or ``TIDELOG_SECTION__KEY_FILE`` with the path of a file that
   holds the value (for secrets);
3. the TOML file;
4. the defaults below.

A key that does not exist is an error that names it and the nearest one that does. `config/tidelog.toml` is
generated from these declarations (``tidelog config example``).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import (
    CONTEXT_BYTES_MAX,
    PACKET_BYTES_MAX,
    PAGE_BYTES_DEFAULT,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
)

ENVIRONMENT_PREFIX: Final = "TIDELOG_"
_LEVELS: Final = "__"
_FROM_FILE: Final = "_FILE"

PROCESSES_AUTO: Final = -1
PROCESSES_AUTO_MAX: Final = 4
"""More would serve thousands of answers a minute, and take 20 to 60 MB each."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceSection(_Section):
    """Where the service keeps its state."""

    data: Annotated[
        Path, Field(description="Folder of the database, its witness and the lock; created if missing.")
    ] = Path("data")


class BrokerSection(_Section):
    """The MQTT broker: the embedded one, or one that runs elsewhere."""

    url: Annotated[
        str,
        Field(
            description="A broker that runs elsewhere (mqtt://host:port, mqtts://, ws://, wss://; user name "
            "and password have keys of their own); empty starts the embedded one.",
            pattern=r"^$|^(mqtts?|wss?)://[^@]+$",
        ),
    ] = ""
    host: Annotated[
        str,
        Field(
            description="Address on which the embedded broker listens, or the Mosquitto of mosquitto_folder.",
            min_length=1,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Field(
            description="Port on which it listens; 0 takes a free one (the embedded broker only).",
            ge=0,
            le=65_535,
        ),
    ] = 1883
    username: Annotated[
        str, Field(description="The service's user name at a broker that runs elsewhere.")
    ] = ""
    password: Annotated[
        SecretStr,
        Field(description="The password for it; better kept in a file (TIDELOG_BROKER__PASSWORD_FILE)."),
    ] = SecretStr("")
    mosquitto_folder: Annotated[
        str,
        Field(
            description="Folder in which Mosquitto's configuration, access rules and passwords are kept as "
            "devices come and go; empty for none."
        ),
    ] = ""
    mosquitto_reload: Annotated[
        bool,
        Field(
            description="Send SIGHUP to the Mosquitto whose process id is in that folder, after a change; "
            "false where it runs in another container and watches the files."
        ),
    ] = True


class LimitsSection(_Section):
    """Bounds on what devices may cause."""

    page_bytes: Annotated[
        int,
        Field(
            description="Payload of one page of an answer; what a dropped link costs at most.",
            ge=PAGE_BYTES_MIN,
            le=PAGE_BYTES_MAX,
            json_schema_extra={"unit": "bytes"},
        ),
    ] = PAGE_BYTES_DEFAULT
    packet_bytes: Annotated[
        int,
        Field(
            description="Payload of a packet from a device; larger ones are refused.",
            ge=1_024,
            le=PACKET_BYTES_MAX,
            json_schema_extra={"unit": "bytes"},
        ),
    ] = PACKET_BYTES_MAX
    connections: Annotated[
        int,
        Field(
            description="Connections to the embedded broker at one time; it takes about 53 KB for each.",
            ge=1,
            le=10_000,
        ),
    ] = 500


class LiveSection(_Section):
    """Records pushed to connected devices as they are stored."""

    coalesce_ms: Annotated[
        int,
        Field(
            description="How long records of a channel are gathered into one push.",
            ge=0,
            le=1_000,
            json_schema_extra={"unit": "milliseconds"},
        ),
    ] = 30
    primed_pushes: Annotated[
        int,
        Field(
            description="Pushes at a time told after earlier records: half the bytes, a millisecond of work.",
            ge=0,
            le=1_000,
        ),
    ] = 8
    lease_s: Annotated[
        int,
        Field(
            description="How long a device that asked in JSON gets pushes in JSON.",
            ge=10,
            le=86_400,
            json_schema_extra={"unit": "seconds"},
        ),
    ] = 300


class IngestSection(_Section):
    """Messages on their way into the log."""

    batch_messages: Annotated[
        int,
        Field(
            description="Messages committed in one transaction at most.",
            ge=1,
            le=10_000,
            json_schema_extra={"unit": "messages"},
        ),
    ] = 500


class CodecSection(_Section):
    """How hard answers are compressed."""

    processes: Annotated[
        int,
        Field(
            description="Processes that compress beside the service; 0 compresses in the service itself, "
            f"{PROCESSES_AUTO} takes one for each core, at most {PROCESSES_AUTO_MAX}.",
            ge=PROCESSES_AUTO,
            le=64,
        ),
    ] = PROCESSES_AUTO
    context_kib_max: Annotated[
        int,
        Field(
            description="How much of what a device holds may prime an answer; more takes fewer bytes on the "
            "link and more time on both sides, 0 takes none.",
            ge=0,
            le=CONTEXT_BYTES_MAX >> 10,
            json_schema_extra={"unit": "KiB"},
        ),
    ] = CONTEXT_BYTES_MAX >> 10


class LogSection(_Section):
    """The service's own log, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least important lines to write.")
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Field(description="Lines for people, or one JSON object a line.")
    ] = "console"


class Settings(BaseSettings):
    """Everything that can be configured; made by `load`, frozen."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    service: ServiceSection = ServiceSection()
    broker: BrokerSection = BrokerSection()
    limits: LimitsSection = LimitsSection()
    live: LiveSection = LiveSection()
    ingest: IngestSection = IngestSection()
    codec: CodecSection = CodecSection()
    log: LogSection = LogSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, environment, file; the defaults come last by themselves (pydantic-settings, "Sources")."""
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _Environment(settings_cls), TomlConfigSettingsSource(settings_cls)


class _Environment(InitSettingsSource):
    """``TIDELOG_SECTION__KEY`` and ``..._FILE``.

    pydantic-settings' own source passes over names that it does not know and has no ``_FILE``.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, _from_environment(os.environ))


def declared() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every key, in the order of declaration.

    Yields:
        section, key and its declaration: description, bounds, default, ``unit`` in ``json_schema_extra``.
    """
    for name, section in sections().items():
        for key, field in section.model_fields.items():
            yield name, key, field


def sections() -> dict[str, type[BaseModel]]:
    """The section classes by name; a class's docstring says what the section is about."""
    return {name: type(field.default) for name, field in Settings.model_fields.items()}


def variable(section: str, key: str) -> str:
    """The environment variable that sets a key."""
    return f"{ENVIRONMENT_PREFIX}{section}{_LEVELS}{key}".upper()


def load(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the configuration from all sources.

    Args:
        config: a TOML file; it must exist. ``None`` for none.
        overrides: values of the command line by dotted name (``{"broker.port": 1884}``).

    Raises:
        UsageError: code ``config``: a file that cannot be read, an unknown key, a value out of bounds.
    """
    settings_class = _class_reading(config)
    try:
        found = settings_class(**_nested(overrides or {}))  # type: ignore[arg-type]  # pydantic validates them
    except ValidationError as error:
        raise _explained(error) from error
    return Settings.model_construct(**{name: getattr(found, name) for name in Settings.model_fields})


def origins(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> dict[str, str]:
    """Where each key's value comes from, by dotted name.

    Returns:
        ``option``, an environment variable's name, the file's path, or ``default``.
    """
    table = TomlConfigSettingsSource(_class_reading(config))()
    found = {}
    for section, key, _ in declared():
        name = f"{section}.{key}"
        from_environment = [
            v for v in (variable(section, key), variable(section, key) + _FROM_FILE) if v in os.environ
        ]
        if name in (overrides or {}):
            found[name] = "option"
        elif from_environment:
            found[name] = from_environment[0]
        else:
            found[name] = str(config) if key in table.get(section, {}) else "default"
    return found


def _class_reading(config: Path | None) -> type[Settings]:
    """`Settings` bound to a file; its class is the only place from which pydantic-settings takes the path."""
    if config is None:
        return Settings
    try:
        tomllib.loads(config.read_text("utf8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read the configuration {config}: {error}",
            code="config",
            hint="`tidelog config example` prints a file to start from",
        ) from error

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    return FromFile


def _nested(dotted: Mapping[str, object]) -> dict[str, dict[str, object]]:
    tree: dict[str, dict[str, object]] = {}
    for name, value in dotted.items():
        section, _, key = name.partition(".")
        tree.setdefault(section, {})[key] = value
    return tree


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {variable(section, key): f"{section}.{key}" for section, key, _ in declared()}
    dotted: dict[str, object] = {}
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or _LEVELS not in name:
            continue
        plain = name.removesuffix(_FROM_FILE)
        if plain not in names:
            raise _unknown(f"environment variable {name}", plain, list(names))
        if name != plain and plain in environment:
            raise UsageError(f"both {plain} and {name} are set", code="config", hint="unset one of them")
        dotted[names[plain]] = value if name == plain else _secret(name, Path(value))
    return _nested(dotted)


def _secret(name: str, path: Path) -> str:
    try:
        return path.read_text("utf8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the file that {name} names: {error}",
            code="config",
            hint="it holds the bare value; a newline at the end does not count",
        ) from error


def _explained(error: ValidationError) -> UsageError:
    known = [f"{section}.{key}" for section, key, _ in declared()]
    problems = error.errors()
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            name = ".".join(map(str, problem["loc"]))
            return _unknown(f"configuration key {name}", name, known if "." in name else list(sections()))
    first = problems[0]
    name = ".".join(map(str, first["loc"]))
    shown = "" if name == "broker.password" else f" = {first['input']!r}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return UsageError(f"{name}{shown}: {first['msg']}{more}", code="config", hint=_described(name))


def _unknown(what: str, name: str, known: list[str]) -> UsageError:
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else "`tidelog config example` lists every key"
    return UsageError(f"unknown {what}", code="config", hint=hint)


def _described(name: str) -> str:
    for section, key, field in declared():
        if name == f"{section}.{key}":
            return described(field)
    return "`tidelog config example` lists every key"


def described(field: FieldInfo) -> str:
    """A key's description with its bounds, a sentence."""
    text = str(field.description)
    return f"{text.removesuffix('.')} ({bounds(field)})." if bounds(field) else text


def bounds(field: FieldInfo) -> str:
    """Unit and bounds of a key for people: ``256 to 61440 bytes``, ``console, json``, or empty."""
    extra = field.json_schema_extra
    unit = f" {extra['unit']}" if isinstance(extra, dict) and "unit" in extra else ""
    low, high = _limit(field, "ge"), _limit(field, "le")
    if low is not None and high is not None:
        return f"{low} to {high}{unit}"
    return ", ".join(map(str, get_args(field.annotation)))


def _limit(field: FieldInfo, side: str) -> int | None:
    return next((getattr(entry, side) for entry in field.metadata if hasattr(entry, side)), None)
