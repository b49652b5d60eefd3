"""The command as scripts and people use it: real processes, the embedded broker, Mosquitto's clients."""

from __future__ import annotations

import base64
import json
import os
import queue
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from components import program

TIDELOG = (sys.executable, "-m", "tidelog_cli")
WAIT_S = 20.0


class Running:
    """A command in the background, whose lines can be waited for."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        """The next line of standard output."""
        try:
            return self._lines.get(timeout=WAIT_S)
        except queue.Empty:
            self.process.kill()
            assert self.process.stderr
            pytest.fail(f"no line within {WAIT_S} s; standard error: {self.process.stderr.read()}")

    def rest(self) -> list[str]:
        """The lines that came and were not waited for; the command has ended."""
        self._reader.join(WAIT_S)
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def ended(self) -> tuple[int, str]:
        """Exit code and standard error, once it ends by itself."""
        assert self.process.stderr
        try:
            return self.process.wait(WAIT_S), self.process.stderr.read()
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it did not end within {WAIT_S} s; standard error: {self.process.stderr.read()}")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The same, after a signal."""
        self.process.send_signal(number)
        return self.ended()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Runs commands on one data folder and one folder of profiles."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "TIDELOG_SERVICE__DATA": str(self.folder / "data"),
            "TIDELOG_PROFILES": str(self.folder / "profiles"),
        }
        return {key: value for key, value in os.environ.items() if not key.startswith("TIDELOG")} | ours

    def __call__(self, *words: str, given: str = "", code: int = 0, **variables: str) -> str:
        """Run a command to its end and return its standard output; the exit code must be the one given."""
        done = subprocess.run(
            [*TIDELOG, *words],
            input=given,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (words, done.returncode, done.stderr)
        return done.stdout

    def json(self, *words: str, **options: Any) -> Any:
        return json.loads(self(*words, "--json", **options))

    def log(self, profile: str) -> list[tuple[str, int, str]]:
        """What a device holds."""
        told = [json.loads(line) for line in self("log", "--as", profile, "--json").splitlines()]
        return [(one["channel"], one["seq"], one["body"]) for one in told]

    def running(self, *words: str) -> Running:
        return Running([*TIDELOG, *words], self.environment)

    @contextmanager
    def serving(self, *words: str) -> Iterator[str]:
        """A service on a free port, or the one given; its URL."""
        with self.running("serve", "--json", *(words or ("--port", "0"))) as service:
            told = json.loads(service.line())
            assert told["ready"] is True
            yield told["url"]
            assert service.stop()[0] == 0


@pytest.fixture
def tidelog(tmp_path: Path) -> Shell:
    return Shell(folder=tmp_path)


def room_of_two(tidelog: Shell, url: str) -> None:
    """Alice with a phone, Bob with a pad, a channel of both."""
    tidelog("user", "add", "alice")
    tidelog("user", "add", "bob")
    tidelog("channel", "add", "room1", "--member", "alice", "--member", "bob")
    tidelog("device", "add", "alice", "phone", "--save", "--url", url)
    tidelog("device", "add", "bob", "pad", "--save", "--url", url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_in_one_line_that_it_is_ready_and_ends_with_0(number: int, tidelog: Shell) -> None:
    with tidelog.running("serve", "--port", "0") as service:
        line = service.line()
        assert line.startswith("tidelog: ready on mqtt://127.0.0.1:")
        assert str(tidelog.folder / "data") in line
        code, err = service.stop(number)
        assert code == 0
        stopped = f"tidelog: stopped; everything received is in {tidelog.folder / 'data'}"
        assert err.splitlines()[-1] == stopped
        assert service.rest() == []
    assert tidelog.json("user", "list") == []


def test_a_port_that_is_taken_is_told(tidelog: Shell) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, tidelog.running("serve", "--port", str(taken.getsockname()[1])) as service:
        code, err = service.ended()
    assert code == 3
    assert "Traceback" not in err


def test_what_one_device_sends_another_syncs_and_prints(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        receipt = tidelog.json("send", "room1", "hello", "--as", "phone")
        assert (receipt["channel"], receipt["seq"]) == ("room1", 1)
        tidelog("send", "room1", "--as", "phone", given="piped\n")
        report = tidelog.json("sync", "--as", "pad")
        assert (report["records"], report["complete"], report["outbox"]) == (2, True, 0)
        assert report["bytes_up"] > 0 < report["bytes_down"]
        assert tidelog.log("pad") == [("room1", 1, "hello"), ("room1", 2, "piped\n")]
        assert tidelog.log("phone") == tidelog.log("pad")
        assert 0 < report["bytes_plain"] == report["bytes_full"]
        assert report["bytes_repeated"] == 0
        assert re.fullmatch(
            r"up to date: \d\d bytes \(\d\d up, \d\d down\)\n", tidelog("sync", "--as", "pad")
        )


def test_a_device_makes_a_channel_and_others_come_and_go(tidelog: Shell) -> None:
    config = tidelog.folder / "tidelog.toml"
    config.write_text('[channels]\ncreate = "{user}/*"\ndirect = true\n')
    with tidelog.serving("--port", "0", "--config", str(config)) as url:
        room_of_two(tidelog, url)
        tidelog("user", "add", "carol")
        made = ("room", "create", "alice/boat", "bob", "--role", "reader", "--as", "phone")
        assert tidelog(*made) == "owner of alice/boat\n"
        assert tidelog.json(*made) == {"channel": "alice/boat", "role": "owner"}
        tidelog("send", "alice/boat", "hello", "--as", "phone")
        assert tidelog.json("sync", "--as", "pad")["records"] == 1
        tidelog("room", "create", "alice/boat", "--as", "pad", code=4)
        tidelog("room", "create", "alice/boat", "--as", "phone", code=2)
        tidelog("room", "invite", "alice/boat", "carol", "--as", "pad", code=4)
        tidelog("room", "invite", "alice/boat", "carol", "nobody", "--as", "phone", code=2)
        tidelog("room", "invite", "alice/boat", "carol", "--as", "phone")
        assert tidelog("room", "leave", "alice/boat", "--as", "pad") == "not in alice/boat\n"
        tidelog("room", "remove", "alice/boat", "carol", "--as", "phone")
        with tidelog.running("watch", "--as", "pad", "--json") as watch:
            tidelog("send", "room1", "are you there?", "--as", "phone")
            assert json.loads(watch.line())["body"] == "are you there?"
            tidelog("room", "invite", "room1", "bob", "--as", "phone", code=4)
            tidelog("room", "invite", "alice/boat", "bob", "--as", "phone")
            tidelog("send", "room1", "bye", "--as", "phone")
            assert json.loads(watch.line())["body"] == "bye"
            assert "now writer of alice/boat" in watch.stop(signal.SIGINT)[1]
        tidelog("room", "remove", "alice/boat", "bob", "--as", "phone")
        (boat,) = [one for one in tidelog.json("channel", "list") if one["channel"] == "alice/boat"]
        assert boat["members"] == ["alice"]
        assert tidelog("room", "direct", "bob", "--as", "phone") == "writer of dm/alice/bob\n"


def test_a_file_goes_and_comes(tidelog: Shell) -> None:
    sent, came = tidelog.folder / "sent.bin", tidelog.folder / "came.bin"
    sent.write_bytes(random.Random(1).randbytes(2_000_000))
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        assert tidelog.json("send", "room1", "--file", str(sent), "--as", "phone")["seq"] == 1
        tidelog("sync", "--as", "pad")
        assert "[the beginning of 2,000,000 bytes]" in tidelog("log", "--as", "pad")
        told = json.loads(tidelog("log", "--as", "pad", "--json"))
        assert (told["size"], told["whole"]) == (2_000_000, False)
        assert tidelog("body", "room1", "1", "-o", str(came), "--as", "pad") == f"{came}: 2,000,000 bytes\n"
        assert came.read_bytes() == sent.read_bytes()
    whole = tidelog.json("body", "room1", "1", "--as", "pad")
    assert base64.b64decode(whole["body64"]) == sent.read_bytes(), "without a link"
    tidelog("body", "room1", "2", "--as", "pad", code=2)
    tidelog("body", "room1", "1", "-o", str(tidelog.folder), "--as", "pad", code=6)
    tidelog("send", "room1", "--file", str(tidelog.folder / "none"), "--as", "phone", code=6)
    tidelog("send", "room1", "text", "--file", str(sent), "--as", "phone", code=2)


def test_a_device_can_be_given_by_options_and_environment(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        secret = tidelog.json("device", "add", "alice", "phone")["secret"]
        tidelog("channel", "add", "room1", "--member", "alice")
        options = ("--url", url, "--device", "phone", "--store", str(tidelog.folder / "phone.db"))
        tidelog("send", "room1", "hello", *options, TIDELOG_SECRET=secret)
        (tidelog.folder / "secret").write_text(secret + "\n")
        tidelog("sync", *options, "--secret-file", str(tidelog.folder / "secret"))
        tidelog("sync", *options, TIDELOG_SECRET="wrong", code=4)
        assert json.loads(tidelog("log", *options, "--json"))["body"] == "hello"


def test_watch_catches_up_and_goes_on_until_ctrl_c(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        tidelog("send", "room1", "before", "--as", "phone")
        with tidelog.running("watch", "--as", "pad", "--json") as watch:
            assert json.loads(watch.line())["body"] == "before"
            tidelog("send", "room1", "after", "--as", "phone")
            told = json.loads(watch.line())
            assert (told["body"], told["author"], told["seq"]) == ("after", "alice", 2)
            assert tidelog.log("pad") == [("room1", 1, "before"), ("room1", 2, "after")]
            code, err = watch.stop(signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err


def test_a_revoked_device_is_shut_out_at_once_and_told(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        with tidelog.running("watch", "--as", "pad", "--json") as watch:
            tidelog("send", "room1", "hello", "--as", "phone")
            watch.line()
            tidelog("device", "revoke", "pad")
            code, err = watch.ended()
        assert code == 4
        assert "pad" in err
        tidelog("sync", "--as", "pad", code=4)


def test_what_was_read_on_one_device_is_read_on_another(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        tidelog("device", "add", "alice", "tab", "--save", "--url", url)
        for text in ("one", "two", "three"):
            tidelog("send", "room1", text, "--as", "pad")
        tidelog("sync", "--as", "phone")
        assert tidelog("mark", "room1", "2", "--as", "phone") == "room1: read up to 2\n"
        told = {"channel": "room1", "read": 2, "delivered": 2}
        assert tidelog.json("mark", "room1", "1", "--as", "phone") == told
        tidelog("sync", "--as", "tab")
        shown = {"channel": "room1", "head": 3, "read": 2, "delivered": 2, "unread": 1, "others": {}}
        assert tidelog.json("mark", "--as", "tab") == [shown]
        assert "room1    3     2     1" in tidelog("mark", "--as", "tab")
        assert tidelog("mark", "room1", "--as", "tab") == "room1: read up to 3\n"
        tidelog("mark", "nowhere", "--as", "tab", code=2)
    tidelog("mark", "room1", "3", "--as", "phone", "--timeout", "0.3", code=3)
    assert tidelog.json("mark", "--as", "phone")[0]["read"] == 3


def test_what_was_written_without_a_link_goes_out_later(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
    tidelog("send", "room1", "one", "--as", "phone", "--timeout", "0.3", code=3)
    tidelog("send", "room1", "two", "--as", "phone", "--no-wait")
    port = url.rpartition(":")[2]
    with tidelog.serving("--port", port):
        report = tidelog.json("sync", "--as", "phone")
        assert (report["sent"], report["outbox"], report["refused"]) == (2, 0, 0)
        assert report["seconds"] == round(report["seconds"], 3)
        tidelog("send", "room1", "three", "--as", "phone", "--no-wait")
        assert tidelog("sync", "--as", "phone").startswith("sent 1 from the outbox; up to date: ")
        tidelog("sync", "--as", "pad")
    assert tidelog.log("pad") == [("room1", n, text) for n, text in enumerate(("one", "two", "three"), 1)]


def test_a_refused_message_ends_send_with_4_and_later_syncs_with_0(tidelog: Shell) -> None:
    """It stays in the outbox until it is discarded, or sent again once the reason is gone."""
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        tidelog("send", "nowhere", "hello", "--as", "phone", code=4)
        tidelog("send", "later", "too early", "--as", "phone", "--no-wait")
        for sent in (0, 0):
            report = tidelog.json("sync", "--as", "phone")
            assert (report["complete"], report["outbox"], report["refused"]) == (True, 0, 2)
            assert report["sent"] == sent
        tidelog("outbox", "discard", "1", "--as", "phone")
        tidelog("channel", "add", "later", "alice")
        tidelog("outbox", "resubmit", "2", "--as", "phone")
        report = tidelog.json("sync", "--as", "phone")
        assert (report["outbox"], report["refused"]) == (0, 0)
        assert tidelog.json("outbox", "list", "--as", "phone") == []
        assert tidelog.log("phone") == [("later", 1, "too early")]


def test_what_was_imported_before_is_served(tidelog: Shell) -> None:
    lines = "".join(
        json.dumps({"channel": "old", "author": "alice", "ts": 1_000 + n, "body": f"line {n}"}) + "\n"
        for n in range(300)
    )
    assert tidelog.json("import", "-", given=lines)["records"] == 300
    with tidelog.serving() as url:
        tidelog("device", "add", "alice", "phone", "--save", "--url", url)
        tidelog("import", "-", given=lines, code=3)
        assert tidelog.json("sync", "--as", "phone")["records"] == 300
        exported = tidelog("export", "-", "--channel", "old").splitlines()
    assert [json.loads(line)["body"] for line in exported] == [f"line {n}" for n in range(300)]
    assert tidelog.log("phone") == [("old", n + 1, f"line {n}") for n in range(300)]


def test_why_tells_what_a_device_lacks_while_the_service_runs(tidelog: Shell) -> None:
    def figures(device: str) -> tuple[dict[str, int], list[str]]:
        told = tidelog.json("why", "--device", device, "--channel", "room1")
        assert told["service_running"] is True
        (channel,) = told["channels"]
        names = ("has", "sent", "wrote", "lacks")
        return {name: channel[name]["count"] for name in names if channel[name]["count"]}, channel["reasons"]

    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        for text in ("one", "two", "three"):
            tidelog("send", "room1", text, "--as", "phone")
        assert figures("pad") == ({"lacks": 3}, ["never_asked"])
        assert figures("phone") == ({"wrote": 3}, ["wrote"])
        tidelog("sync", "--as", "pad")
        assert figures("pad") == ({"has": 3}, ["complete"])
        tidelog("send", "room1", "four", "--as", "phone")
        assert figures("pad") == ({"has": 3, "lacks": 1}, ["not_yet"])
        tidelog("sync", "--as", "pad")
        assert figures("pad") == ({"has": 3, "sent": 1}, ["unconfirmed"])
        tidelog("sync", "--as", "pad")
        assert figures("pad") == ({"has": 4}, ["complete"])
        tidelog("channel", "leave", "room1", "bob")
        assert figures("pad") == ({}, ["not_member"])
        assert "pad of bob: " in tidelog("why", "--device", "pad")


def test_ingest_rules_are_taken_up_from_the_file_and_what_they_took_is_told(tidelog: Shell) -> None:
    config = tidelog.folder / "tidelog.toml"
    config.write_text("")
    rule = "[[ingest]]\ntopic = 'sensors/+/+'\nchannel = '{1}/{2}'\nmembers = ['bob']\nkey = 'id'\n"
    secret = tidelog.json("device", "add", "alice", "hall")["secret"]
    with tidelog.running("serve", "--json", "--port", "0", "--config", str(config)) as service:
        url = json.loads(service.line())["url"]
        port = url.rpartition(":")[2]
        tidelog("device", "add", "bob", "pad", "--save", "--url", url)
        publish = [program("mosquitto_pub"), "-p", port, "-i", "hall", "-u", "hall", "-P", secret, "-q", "1"]
        config.write_text(rule)
        service.process.send_signal(signal.SIGHUP)

        def stored() -> int:
            for topic, payload in (("sensors/hall/temp", '{"id": 1}'), ("sensors//temp", "21")):
                subprocess.run([*publish, "-t", topic, "-m", payload], check=True)
            rules = tidelog.json("ingest", "list", "--config", str(config))
            return int(rules[0]["stored"])

        eventually(lambda: stored() == 1)
        stored()
        assert tidelog.json("sync", "--as", "pad")["records"] == 1
        assert tidelog.log("pad") == [("hall/temp", 1, '{"id": 1}')]
        (told,) = tidelog.json("ingest", "list", "--config", str(config))
        assert told["duplicate"] >= 1 <= told["outcomes"]["channel_name"]["messages"]
        config.write_text(rule.replace("{2}", "{3}"))
        service.process.send_signal(signal.SIGHUP)
        time.sleep(1)  # the log is read at the end
        code, err = service.stop()
    assert code == 0
    assert err.count("channel name") == 1
    assert "ingest rule 1: {3} in '{1}/{3}' stands for nothing" in err


def pasted(*lines: str) -> str:
    """Run lines in a shell of their own."""
    script = "\n".join(lines)
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_the_commands_of_the_demonstration_work_as_they_are_printed(tidelog: Shell) -> None:
    program("mosquitto")
    with tidelog.running("serve", "--port", "0", "--demo-users") as service:
        lines = []
        while not lines or "mosquitto_sub" not in lines[-1]:
            lines.append(service.line())
        export, watch, send, sync, log, publish, request, subscribe = [
            line for line in lines if line.startswith("  ")
        ]
        with Running(["sh", "-ec", f"{export}\nexec {watch}"], dict(os.environ)) as watching:
            assert pasted(export, send).startswith("room1: stored as 1 ")
            assert "hello" in watching.line()
            assert watching.stop(signal.SIGINT)[0] == 130
        assert pasted(export, sync).startswith("1 record in ")
        assert "alice" in pasted(export, log)
        pasted(publish)
        eventually(lambda: len(json.loads(pasted(request))["records"]) == 2)
        with Running(shlex.split(subscribe), tidelog.environment) as subscribed:
            time.sleep(0.5)  # mosquitto_sub does not tell when it is connected
            pasted(export, send)
            assert json.loads(subscribed.line())["records"][0]["text"] == "hello"
            subscribed.stop(signal.SIGINT)
        assert service.stop()[0] == 0


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_device_hears_what_a_sync_takes_and_chooses(tidelog: Shell) -> None:
    with tidelog.serving() as url:
        room_of_two(tidelog, url)
        for n in range(5):
            tidelog("send", "room1", f"message {n}", "--as", "phone")
        found = tidelog.json("preview", "--as", "pad", "--since", "1h", "--author", "alice")
        assert found["records"] == 5
        assert re.match(r"5 records would come in about \d+ bytes ", tidelog("preview", "--as", "pad"))
        chosen = tidelog.json("sync", "--as", "pad", "--channel", "+", "--newest", "2", "--kind", "0")
        assert (chosen["records"], chosen["complete"]) == (2, True)
        assert [seq for _, seq, _ in tidelog.log("pad")] == [4, 5]
        nothing = tidelog.json("sync", "--as", "pad", "--author", "nobody", "--until", "2030-01-01")
        assert nothing["records"] == 0
        tidelog("sync", "--as", "pad", "--channel", "room#", code=2)
        assert tidelog.json("sync", "--as", "pad", "--manifest")["records"] == 3
        tidelog("send", "room1", "long " * 1_000, "--as", "phone")
        found = tidelog.json("preview", "--as", "pad", "--max-body", "1024")
        assert (found["records"], found["body_bytes"]) == (1, 512)
        assert tidelog.json("sync", "--as", "pad", "--max-body", "1024")["records"] == 1
        assert len(tidelog("body", "room1", "6", "--as", "pad").strip()) >= 4_999
