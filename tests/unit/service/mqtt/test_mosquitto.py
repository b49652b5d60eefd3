"""The files for Mosquitto, and the signal that makes it read them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.topics import SERVICE_SUBSCRIPTIONS
from tidelog_service.engine.secrets import mosquitto_hash
from tidelog_service.mqtt.mosquitto import (
    ACL,
    CONF,
    PASSWD,
    PID,
    MosquittoSetup,
    TlsFiles,
    mosquitto_files,
    reload,
    write_mosquitto_files,
)

HASH = mosquitto_hash("secret", salt=bytes(12))
SETUP = MosquittoSetup(
    folder=Path("/etc/tidelog"), data_dir=Path("/var/lib/tidelog"), port=1883, service_hash=HASH
)
CONFIG = Path(__file__).parents[4] / "config"


def lines_of(name: str, setup: MosquittoSetup = SETUP) -> list[str]:
    return mosquitto_files(setup, [("b", HASH), ("a", HASH)])[name].splitlines()


@pytest.mark.parametrize("name", [CONF, ACL])
def test_the_commented_example_says_what_is_generated(name: str) -> None:
    example = (CONFIG / name).read_text("utf8").splitlines()
    bare = [line for line in example if line and not line.startswith("#")]
    assert bare == lines_of(name)


def test_the_example_explains_every_line_of_the_configuration() -> None:
    previous = ""
    for line in (CONFIG / CONF).read_text("utf8").splitlines():
        assert not line or line.startswith("#") or previous, f"no comment above {line!r}"
        previous = line


def test_the_password_file_has_the_service_first_and_the_devices_sorted() -> None:
    assert lines_of(PASSWD) == [f"service:{HASH}", f"a:{HASH}", f"b:{HASH}"]


def test_the_service_may_read_all_that_it_subscribes_to() -> None:
    rules = lines_of(ACL)
    for topic, _ in SERVICE_SUBSCRIPTIONS:
        assert f"topic read {topic}" in rules or f"topic readwrite {topic}" in rules


def test_the_largest_payload_fits_a_packet() -> None:
    (limit,) = [int(line.split()[1]) for line in lines_of(CONF) if line.startswith("max_packet_size")]
    assert PACKET_BYTES_MAX < limit <= PACKET_BYTES_MAX + 2048


def test_every_listener_binds_the_client_id_and_has_tls() -> None:
    tls = TlsFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))
    lines = lines_of(CONF, replace(SETUP, tls=tls, websockets_port=9001))
    second = lines.index("listener 9001 127.0.0.1")
    for listener in (lines[lines.index("listener 1883 127.0.0.1") : second], lines[second:]):
        assert "use_username_as_clientid true" in listener
        assert "certfile /c.pem" in listener
        assert "keyfile /k.pem" in listener
    assert lines[-1] == "protocol websockets"


def test_a_filter_of_an_ingest_rule_is_written_by_devices_and_read_by_the_service() -> None:
    rules = lines_of(ACL, replace(SETUP, filters=("sensors/+/+",), patterns=("sensors/%u/+",)))
    assert "topic read sensors/+/+" in rules
    assert "pattern write sensors/%u/+" in rules
    assert rules.index("topic read sensors/+/+") < rules.index("pattern write sensors/%u/+")


@pytest.mark.parametrize("topic_filter", ["#", "+/x", "tl1/#", "$SYS/#", "/", "", "a/%c", "a\nuser service"])
def test_a_filter_that_reaches_into_other_trees_is_refused(topic_filter: str) -> None:
    with pytest.raises(UsageError):
        lines_of(ACL, replace(SETUP, filters=(topic_filter,)))
    with pytest.raises(UsageError):
        lines_of(ACL, replace(SETUP, patterns=(topic_filter,)))


@pytest.mark.parametrize(
    "account", [("service", HASH + "\nx"), ("a:b", HASH), ("a\nb", HASH), ("a", "plain"), ("a", HASH + ":")]
)
def test_a_name_or_hash_that_could_make_another_account_is_refused(account: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        mosquitto_files(SETUP, [account])


def test_a_second_service_account_is_refused() -> None:
    with pytest.raises(UsageError):
        mosquitto_files(SETUP, [("service", HASH)])


@pytest.mark.parametrize("user", ["a\nallow_anonymous true", " a", "a\0"])
def test_a_value_cannot_start_a_line_of_its_own(user: str) -> None:
    with pytest.raises(UsageError):
        mosquitto_files(replace(SETUP, user=user), [])


def test_only_the_files_that_changed_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert write_mosquitto_files(folder, SETUP, [("a", HASH)]) == {CONF, ACL, PASSWD}
    conf = (folder / CONF).stat()
    assert write_mosquitto_files(folder, SETUP, [("a", HASH)]) == frozenset()
    assert write_mosquitto_files(folder, SETUP, []) == {PASSWD}
    assert (folder / CONF).stat() == conf
    assert {path.name for path in folder.iterdir()} == {ACL, CONF, PASSWD}


def test_hashes_are_for_the_owner_only(tmp_path: Path) -> None:
    write_mosquitto_files(tmp_path, SETUP, [])
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in (CONF, ACL, PASSWD)}
    assert modes == {CONF: 0o644, ACL: 0o644, PASSWD: 0o600}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        write_mosquitto_files(tmp_path / "file" / "folder", SETUP, [])
    assert caught.value.code == "broker_files"


def write_none(_: Path) -> None:
    """No broker has run there."""


def write_rubbish(path: Path) -> None:
    path.write_text("rubbish")


@pytest.mark.parametrize("prepare", [write_none, write_rubbish])
def test_reloading_without_a_broker_is_told(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path / PID)
    with pytest.raises(Unavailable) as caught:
        reload(tmp_path / PID)
    assert caught.value.code == "broker_reload"


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="no /proc here to tell programs apart")
def test_a_program_that_got_the_old_process_id_is_left_alone(tmp_path: Path) -> None:
    """SIGHUP would end it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (tmp_path / PID).write_text(f"{other.pid}\n")
        with pytest.raises(Unavailable, match="another program"):
            reload(tmp_path / PID)
        other.communicate(b"\n")
    assert other.returncode == 0
