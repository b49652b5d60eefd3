"""Every key of the configuration once, with its meaning, unit, bounds and default (`config` reads them)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tidelog.wire.limits import (
    BODY_BYTES_MAX,
    CONTEXT_BYTES_MAX,
    LARGE_BYTES_MAX,
    PACKET_BYTES_MAX,
    PAGE_BYTES_DEFAULT,
    PAGE_BYTES_MAX,
    PAGE_BYTES_MIN,
)
from tidelog_service.engine.rolls import NOBODY

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
    body_bytes: Annotated[
        int,
        Field(
            description="A large body, which goes apart from the log; a device may have four on their way.",
            ge=BODY_BYTES_MAX,
            le=LARGE_BYTES_MAX,
            json_schema_extra={"unit": "bytes"},
        ),
    ] = 16 << 20
    connections: Annotated[
        int,
        Field(
            description="Connections to the embedded broker at one time; it takes about 53 KB for each.",
            ge=1,
            le=10_000,
        ),
    ] = 500
    batch_messages: Annotated[
        int,
        Field(
            description="Messages committed in one transaction at most.",
            ge=1,
            le=10_000,
            json_schema_extra={"unit": "messages"},
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


class RetentionSection(_Section):
    """What is kept of channels of which `tidelog channel set` says nothing else; 0 stands for no bound."""

    keep_days: Annotated[
        int,
        Field(
            description="Records of the last so many days.",
            ge=0,
            le=36_500,
            json_schema_extra={"unit": "days"},
        ),
    ] = 0
    keep_records: Annotated[
        int, Field(description="The newest records of each channel, so many numbers.", ge=0, le=2**40)
    ] = 0
    keep_bytes: Annotated[
        int,
        Field(
            description="The newest records of each channel, so many bytes of bodies.",
            ge=0,
            le=2**50,
            json_schema_extra={"unit": "bytes"},
        ),
    ] = 0
    every_s: Annotated[
        int,
        Field(
            description="How often it is looked what may go; each time that something of a channel goes "
            "costs each device some ten bytes.",
            ge=1,
            le=86_400,
            json_schema_extra={"unit": "seconds"},
        ),
    ] = 3_600


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


class ChannelsSection(_Section):
    """What devices may do about channels and members; the operator may do all of it (`tidelog channel`)."""

    create: Annotated[
        str,
        Field(
            description="Channels that devices may make, and then own: nobody, anybody, or patterns of names "
            "with commas between, in which {user} is the user's name and * anything within a level, as in "
            '"{user}/*, clubs/*".',
            pattern=r"^(nobody|anybody|[^,]*(\{user\}|\*)[^,]*(,[^,]*(\{user\}|\*)[^,]*)*)$",
        ),
    ] = NOBODY
    direct: Annotated[
        bool, Field(description="Whether devices may begin a conversation of their user with another one.")
    ] = False
    invite: Annotated[
        bool, Field(description="Whether owners of a channel may invite, remove and give roles.")
    ] = True
    leave: Annotated[bool, Field(description="Whether members may leave a channel.")] = True
    per_user_max: Annotated[
        int,
        Field(
            description="Channels that one user may have made.",
            ge=0,
            le=100_000,
            json_schema_extra={"unit": "channels"},
        ),
    ] = 100
    members_max: Annotated[
        int,
        Field(
            description="Members up to which a channel's owners may invite.",
            ge=1,
            le=10_000,
            json_schema_extra={"unit": "members"},
        ),
    ] = 256


class LogSection(_Section):
    """The service's own log, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least important lines to write.")
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Field(description="Lines for people, or one JSON object a line.")
    ] = "console"
