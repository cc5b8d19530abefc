"""Kills, full disks and read-only folders: python -m benchmarks.reliability.crash [PART ...].

Parts: journal, import, export, disk, campaign; all of them where none is named. Exits with 1 and
says what broke where a promise does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.reliability.disks import fill_disks
from benchmarks.reliability.file_kills import kill_writers
from benchmarks.reliability.journal_kills import kill_journals
from benchmarks.reliability.killing import BrokenPromiseError

KILLS = {"journal": 200, "import": 200, "export": 200, "campaign": 20}


def main(arguments: Sequence[str]) -> int:
    """Run the parts asked for and print the figures of each."""
    parts: dict[str, Callable[[argparse.Namespace], object]] = {
        "journal": lambda asked: kill_journals(_kills(asked, "journal"), asked.seed, asked.every),
        "import": lambda asked: kill_writers("import", _kills(asked, "import"), asked.seed),
        "export": lambda asked: kill_writers("export", _kills(asked, "export"), asked.seed),
        "disk": lambda asked: fill_disks(),
        "campaign": _campaign,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.crash")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--kills", type=int, help="Of each part; default: 200, of campaigns 20.")
    parser.add_argument("--seed", type=int, default=13, help="Of the moments.")
    parser.add_argument("--every", type=int, default=1, help="Bytes from one cut to the next.")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; expected {', '.join(parts)}")
    for part in asked.parts or parts:
        started_s = time.perf_counter()
        try:
            figures = parts[part](asked)
        except BrokenPromiseError as error:
            print(f"{part}: BROKEN: {error}")
            return 1
        print(f"{figures} ({time.perf_counter() - started_s:.0f} s)", flush=True)
    return 0


def _kills(asked: argparse.Namespace, part: str) -> int:
    return KILLS[part] if asked.kills is None else int(asked.kills)


def _campaign(asked: argparse.Namespace) -> object:
    from benchmarks.reliability.campaign_kills import kill_campaigns  # torch takes seconds

    return kill_campaigns(_kills(asked, "campaign"), asked.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
