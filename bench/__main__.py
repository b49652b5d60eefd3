"""All benchmarks: ``make bench``. Ends with 1 where a goal is missed.

Each figure stands beside a ceiling or a bound of the same run, as a ratio: machines differ, ratios less so.
"""

from __future__ import annotations

import sys

from bench import ingest, press, reads, syncs, writes
from bench.report import show

BENCHES = (
    ("Writing: the store's path against raw sqlite3, FULL", writes.run),
    ("Reading: 20 missing of 10^3 to 10^6 records", reads.run),
    ("Ingest through Mosquitto: QoS 1, 100 bytes, fsync, receipts", ingest.run),
    ("Compressing 20 records after 64 KiB of context, PPMd", press.run),
    ("MQTT bytes of a sync, up and down, against the target", syncs.run),
)


def main() -> int:
    """Run them all.

    Returns:
        the exit code.
    """
    missed = []
    for title, run in BENCHES:
        results = run()
        show(title, results)
        missed += [result.name for result in results if not result.met]
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
