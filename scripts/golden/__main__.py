"""Write golden numbers, or compare two folders of them.

    python -m scripts.golden --out DIR [--only fits,memory]
    python -m scripts.golden --compare BEFORE AFTER

A folder holds a text file for each kind, a sorted line `key = value` for each value in full
precision. The sentences met among the values of a kind, refusals included, are in its file
`messages-of-...`. Kinds may be written one after another into the same folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.golden.book import Book
from scripts.golden.evidence import audit
from scripts.golden.inputs import fixed_clock
from scripts.golden.money import bills, break_evens, prices
from scripts.golden.planning import exports, plans
from scripts.golden.program import json_answers, texts
from scripts.golden.serving import simulations
from scripts.golden.timing import energy, fits, memory
from scripts.golden.wrong import wrong


def messages(book: Book) -> None:
    """Keep the program's text and what bad inputs are answered with."""
    texts(book)
    wrong(book)


KINDS: dict[str, Callable[[Book], None]] = {
    "fits": fits,
    "memory": memory,
    "energy": energy,
    "simulations": simulations,
    "prices": prices,
    "bills": bills,
    "plans": plans,
    "break-evens": break_evens,
    "audit": audit,
    "exports": exports,
    "json": json_answers,
    "messages": messages,
}


def write(out: Path, kinds: Sequence[str]) -> None:
    """Collect values of some kinds and write them, a file for each kind."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    out.mkdir(parents=True, exist_ok=True)
    book = Book()
    for number, kind in enumerate(kinds, start=1):
        began, used = time.perf_counter(), time.process_time()
        print(f"[{number}/{len(kinds)}] {kind} ...", end="", file=sys.stderr, flush=True)
        with fixed_clock():
            KINDS[kind](book)
        took, cpu = time.perf_counter() - began, time.process_time() - used
        count = len(book.kinds[kind])
        print(f" {count} values, {took:.0f} s, {cpu:.0f} CPU s", file=sys.stderr, flush=True)
        for written, values in book.kinds.items():
            lines = "".join(f"{key} = {values[key]!r}\n" for key in sorted(values))
            (out / f"{written}.txt").write_text(lines, encoding="utf-8")


def compare(before: Path, after: Path) -> int:
    """Print every key whose values differ, then counts by kind; return how many differ."""
    total = 0
    counts = []
    for name in sorted({path.name for folder in (before, after) for path in folder.glob("*.txt")}):
        old, new = _read(before / name), _read(after / name)
        differing = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
        kind = name.removesuffix(".txt")
        for key in differing:
            print(f"{kind}: {key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}")
        counts.append(f"{kind}: {len(differing)} of {len(old | new)} differ")
        total += len(differing)
    print(*counts, sep="\n")
    return total


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return {key: value for key, _, value in (line.partition(" = ") for line in lines)}


def main() -> int:
    """Run what the arguments ask for; return 1 where two folders differ."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.golden",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="Folder to write to.")
    parser.add_argument("--only", metavar="KINDS", help=f"Of {','.join(KINDS)}.")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    given = parser.parse_args()
    if (given.out is None) == (given.compare is None):
        parser.error("give either --out DIR or --compare BEFORE AFTER")
    if given.compare:
        for folder in given.compare:
            if not any(folder.glob("*.txt")):
                parser.error(f"{folder} holds no golden numbers; write some with --out")
        return 1 if compare(*given.compare) else 0
    kinds = list(KINDS) if given.only is None else given.only.split(",")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"--only is {', '.join(unknown)}; expected some of {', '.join(KINDS)}")
    write(given.out, kinds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
