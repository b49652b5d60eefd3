"""The service's configuration: the keys of `config_sections`, from where they are set.

Sources, the first that names a key wins:

1. options of the command line;
2. the environment: ``TIDELOG_SECTION__KEY``, or ``TIDELOG_SECTION__KEY_FILE`` with the path of a file that
   holds the value (for secrets);
3. the TOML file;
4. the defaults declared there.

A key that does not exist is an error that names it and the nearest one that does. `config/tidelog.toml` is
generated from the declarations (``tidelog config example``).
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tidelog.wire.errors import UsageError
from tidelog_service.config_rules import RuleError, RuleSection, rules_of
from tidelog_service.config_sections import (
    BrokerSection,
    ChannelsSection,
    CodecSection,
    LimitsSection,
    LiveSection,
    LogSection,
    RetentionSection,
    ServiceSection,
)
from tidelog_service.engine.rules import RULES_MAX, IngestRules

_RULES: Final = "ingest"
ENVIRONMENT_PREFIX: Final = "TIDELOG_"
_LEVELS: Final = "__"
_FROM_FILE: Final = "_FILE"


class Settings(BaseSettings):
    """Everything that can be configured; made by `load`, frozen."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    service: ServiceSection = ServiceSection()
    broker: BrokerSection = BrokerSection()
    limits: LimitsSection = LimitsSection()
    live: LiveSection = LiveSection()
    retention: RetentionSection = RetentionSection()
    codec: CodecSection = CodecSection()
    channels: ChannelsSection = ChannelsSection()
    log: LogSection = LogSection()
    ingest: Annotated[tuple[RuleSection, ...], Field(max_length=RULES_MAX)] = ()

    @property
    def rules(self) -> IngestRules:
        """The ingest rules, in order."""
        return rules_of(self.ingest)

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
    """The section classes by name, without the ingest rules, of which there are any number.

    A class's docstring says what the section is about.
    """
    fields = Settings.model_fields.items()
    return {name: type(field.default) for name, field in fields if isinstance(field.default, BaseModel)}


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a configuration came from, so that it can be read again.

    Attributes:
        config: the file, or ``None``.
        overrides: see `load`.
    """

    config: Path | None = None
    overrides: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def load(self) -> Settings:
        """See `load`."""
        return load(self.config, self.overrides)


def differences(one: Settings, other: Settings) -> list[str]:
    """Names of the keys that differ, ingest rules apart."""
    return [
        f"{section}.{key}"
        for section, key, _ in declared()
        if getattr(getattr(one, section), key) != getattr(getattr(other, section), key)
    ]


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
        if problem["type"] == "extra_forbidden" and problem["loc"][0] != _RULES:
            name = ".".join(map(str, problem["loc"]))
            return _unknown(f"configuration key {name}", name, known if "." in name else list(sections()))
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    if first["loc"][0] == _RULES:
        return _explained_rule(first)
    name = ".".join(map(str, first["loc"]))
    shown = "" if name == "broker.password" else f" = {first['input']!r}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return UsageError(f"{name}{shown}: {first['msg']}{more}", code="config", hint=_described(name))


def _explained_rule(problem: ErrorDetails) -> UsageError:
    """What is wrong with an ingest rule, or with how they are given."""
    if len(problem["loc"]) == 1:
        hint = f"each rule is a table of its own, [[ingest]], and there are at most {RULES_MAX}"
        if isinstance(problem["input"], dict) and "batch_messages" in problem["input"]:
            hint = "batch_messages is now in [limits]; [[ingest]] tables are ingest rules"
        return UsageError(f"ingest: {problem['msg']}", code="config", hint=hint)
    _, number, *keys = problem["loc"]
    place = f"ingest rule {int(number) + 1}"
    fault = problem.get("ctx", {}).get("error")
    if isinstance(fault, RuleError):
        return UsageError(f"{place}: {fault}", code="config", hint=fault.hint)
    key = str(keys[0]) if keys else ""
    if problem["type"] == "extra_forbidden":
        return _unknown(f"key {key} of {place}", key, list(RuleSection.model_fields))
    field = RuleSection.model_fields.get(key)
    hint = described(field) if field is not None else "`tidelog config example` lists every key"
    return UsageError(f"{place}, {key}: {problem['msg']}", code="config", hint=hint)


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
    return ", ".join(get_args(field.annotation)) if get_origin(field.annotation) is Literal else ""


def _limit(field: FieldInfo, side: str) -> int | None:
    return next((getattr(entry, side) for entry in field.metadata if hasattr(entry, side)), None)
