"""Real logs that sizes are measured on, found beside the repository."""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from components import absent

ROOT = Path(__file__).resolve().parents[1]


@cache
def records(name: str) -> list[dict[str, Any]]:
    """All records of a corpus, with channel, author, ts and body; its absence is a failure in CI."""
    folder = Path(os.environ.get("TIDELOG_CORPORA", ROOT.parent / "shared" / "corpora"))
    path = folder / f"{name}.jsonl.gz"
    if not path.exists():
        absent(f"no corpus at {path}")
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]
