"""Programs that tests need beside Python: where they are, or a skip; in CI, where they must be, a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of a program, also where only root has it on the path."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return found or absent(f"{name} is not installed: `make system-packages`")


def absent(why: str) -> str:
    """End the test: skipped by a developer, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
