"""Write docs/scaling.md from the records that ship: python -m scripts.scaling_page.

Two GPUs of one host and four of another were timed alone and together; a published article's table
of one to eight stands beside what they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

import fluxcost as fc
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fleets import Fleets, Window
from fluxcost.performance.measured.replicas import Encoding, Replica
from fluxcost.performance.measured.together import Link, SplitImage
from fluxcost.performance.replicas import published_law
from fluxcost.units import counted
from measure.replicas.report import STAGES, losses, open_fleets
from scripts.scaling_foretold import FOUR, USUAL, before, foretold_and_measured, more
from scripts.tables import share, spread, table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scaling.md"
GPU, MODEL = "h100-sxm", "flux2-klein-4b"
STACKS = ("compiled-bf16", "eager-bf16")
ARTICLE_STEPS = 20
OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6

HEAD = """# Several GPUs

Up to four H100s of one host, a replica on each, each GPU timed alone and then all at once, in one
run, shapes and counts in shuffled order. There were two runs, on two hosts: two GPUs by
`python -m measure run --suite scaling --gpus 1,2 --cores 1,2,4,all --split-image --threads`, and
later four by `--suite scaling --gpus 1,2,4`. Eight were not measured. *Efficiency* is what all make
together over the sum of what the same GPUs make alone on the same host, with its 90 % interval;
above 100 % the moments drifted, since nothing makes GPUs faster together than alone. This page is
written from records by `scripts/scaling_page.py`; a test fails when it is out of date.
"""


def page() -> str:
    """Return the page."""
    records = {stack: fc.load_calibration(f"{GPU}/{MODEL}/{stack}") for stack in STACKS}
    fleets = {stack: open_fleets(record) for stack, record in records.items()}
    earlier = {stack: fc.fit(before(record, stack)) for stack, record in records.items()}
    hosts = Hosts(records.values())
    return "\n".join(
        [
            HEAD,
            *_together(fleets, hosts),
            *_lost(fleets, hosts),
            *foretold_and_measured(records, earlier, fleets),
            *more(records, earlier),
            *_plans(fleets),
            *_cores(fleets, hosts),
            *_threads(fleets["eager-bf16"], hosts),
            *_power(records, hosts),
            *_encoding(records, hosts),
            *_article(records["eager-bf16"]),
            *_split(records["eager-bf16"]),
            *_links(records, hosts),
        ]
    )


class Hosts:
    """The hosts that runs were on, told apart by their GPUs and cores."""

    def __init__(self, records: Iterable[Calibration]) -> None:
        self._on = {run.id: run.environment for record in records for run in record.runs}

    def name(self, run: str) -> str:
        """Return what a run's host has."""
        return f"{self._on[run].gpu_count} GPUs, {self.cores(run)} cores"

    def cores(self, run: str) -> int:
        """Return the CPU cores of a run's host."""
        return self._on[run].cpu_cores


def _together(fleets: dict[str, Fleets], hosts: Hosts) -> Iterable[str]:
    rows = [
        (
            *_place(stack, window, hosts),
            str(window.cores_each),
            f"{_alone(each, window):.2f}",
            f"{window.images_per_s:.2f}",
            share(_efficiency(each, window)) + ("" if _one_start(each, window) else r" \*"),
            f"{published_law()[0].measured[len(window.parts)].value:.0%}",
        )
        for stack, each in fleets.items()
        for window in _at_once(each)
    ]
    yield from (
        "## A process on each GPU",
        "",
        *table(
            (
                *("stack", "call", "timed on", "at once", "cores a replica"),
                *("alone, img/s", "together, img/s", "efficiency", "article"),
            ),
            rows,
        ),
        "",
        r"\* Alone and together were timed in two starts of the program, on the same host: what a",
        "start changes does not cancel there and is not in the interval.",
        "",
    )


def _lost(fleets: dict[str, Fleets], hosts: Hosts) -> Iterable[str]:
    rows = [
        (*_place(stack, window, hosts), *_stages(each, window))
        for stack, each in fleets.items()
        for window in _at_once(each)
    ]
    waits = fleets["eager-bf16"]
    worst = min(
        (each for each in _at_once(waits) if len(each.parts) == FOUR),
        key=lambda each: _efficiency(waits, each).value,
    )
    yield from (
        "Where a call lost time: mean milliseconds a call together, less alone.",
        "",
        *table(("stack", "call", "timed on", "at once", *STAGES), rows),
        "",
        "Compiled, launches are recorded as CUDA graphs and no stage waits for another replica.",
        f"Eager at {worst.asked[0]}, batch {worst.asked[1]}, waits for the CPU, whose pace moves",
        "by tens of per cent from one window to the next, so that seconds of it tell little about",
        f"scaling. Yet four at once made {share(_efficiency(waits, worst))} of their rates alone,",
        "further under 100 % than that interval reaches.",
        "",
    )


def _plans(fleets: dict[str, Fleets]) -> Iterable[str]:
    ends = {
        stack: sorted(_efficiency(each, w).value for w in _at_once(each) if len(w.parts) == FOUR)
        for stack, each in fleets.items()
    }
    told = "; ".join(f"`{stack}` {each[0]:.1%} to {each[-1]:.1%}" for stack, each in ends.items())
    yield from (
        "A plan of a volume or a job on an instance of several GPUs takes the efficiency at that",
        "count off, counted as 100 % at most. Where no replicas of a stack were timed at once, or",
        "so many are beyond the law, it takes that many times one and says so. A fleet for",
        "arrivals is sized as if each replica had a host of its own, and says so: where a stack",
        "waits for the CPU, it may count too few GPUs. Over the calls timed, four at once made of",
        "four times one:",
        f"{told}.",
        "",
    )


def _place(stack: str, window: Window, hosts: Hosts) -> tuple[str, ...]:
    return f"`{stack}`", _call(window), hosts.name(window.run), str(len(window.parts))


def _stages(fleets: Fleets, window: Window) -> tuple[str, ...]:
    return tuple(f"{1000 * lost:+.1f}" for lost in losses(fleets, window))


def _alone(fleets: Fleets, window: Window) -> float:
    return sum(each.batch * len(each.seeds) / each.elapsed_s for each in fleets.solos(window))


def _one_start(fleets: Fleets, window: Window) -> bool:
    return all(part.window.startswith(f"{window.start}/") for part in fleets.solos(window))


def _at_once(fleets: Fleets) -> list[Window]:
    """Return the windows of several processes with all cores, by call, replicas and host."""
    found = [
        each
        for each in fleets.windows
        if len(each.parts) > 1 and each.cores is None and not each.in_one_process
    ]
    return sorted(found, key=lambda each: (each.asked, len(each.parts), each.start))


def _cores(fleets: dict[str, Fleets], hosts: Hosts) -> Iterable[str]:
    rows, needed, of_host = [], [], set()
    for stack, each in fleets.items():
        held = [window for window in each.windows if window.cores is not None]
        of_host |= {hosts.cores(window.run) for window in held}
        for shape, batch in sorted({window.asked for window in held}):
            counts = sorted({window.cores for window in held if window.cores is not None})
            factors = [each.core_factor(shape, batch, count) for count in counts]
            needed.append(each.cores_needed(shape, batch))
            rows.append((f"`{stack}`", f"{shape}", *map(share, factors), str(needed[-1])))
    (all_cores,) = of_host
    yield from (
        "## CPU cores of a replica",
        "",
        "The rate with every replica held to so many cores, over that with all",
        f"{all_cores} of the host of two GPUs. With {counted(max(needed), 'core')} a replica keeps",
        "its GPU as busy as with all; `plan --explain` states it as a requirement on the instance.",
        "On the host of four GPUs cores were not varied. Encoding files is not in it: see below.",
        "",
        *table(("stack", "call", "1 core", "2 cores", "4 cores", "cores needed"), rows),
        "",
    )


def _threads(fleets: Fleets, hosts: Hosts) -> Iterable[str]:
    threads = [each for each in fleets.windows if each.in_one_process and len(each.parts) > 1]
    timed = {(each.asked, hosts.name(each.run)) for each in threads}
    processes = [each for each in _at_once(fleets) if (each.asked, hosts.name(each.run)) in timed]
    rows = [
        (
            "threads" if window.in_one_process else "processes",
            _call(window),
            f"{_alone(fleets, window):.2f}",
            f"{window.images_per_s:.2f}",
            share(_efficiency(fleets, window)),
            *_stages(fleets, window),
        )
        for window in sorted([*processes, *threads], key=lambda w: (w.asked, w.in_one_process))
    ]
    yield from (
        "## Threads of one process",
        "",
        "Two replicas as threads of one Python process share its interpreter, and launch kernels",
        f"in turn (`eager-bf16`; {', '.join(sorted({name for _, name in timed}))}):",
        "",
        *table(
            ("a replica each", "call", "alone, img/s", "both, img/s", "efficiency", *STAGES), rows
        ),
        "",
        "So a replica gets a process of its own. The compiled stack was not timed so.",
        "",
    )


def _power(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    rows = []
    for stack, record in records.items():
        found: dict[tuple[str, int], list[Replica]] = {}
        for part in record.replicas:
            if part.shape == USUAL and part.batch == 8 and not part.in_one_process:
                found.setdefault((hosts.name(part.run), part.replicas), []).append(part)
        for (host, count), parts in sorted(found.items()):
            rows.append((f"`{stack}`", host, str(count), *_state(parts)))
    yield from (
        "## Power and heat",
        "",
        f"{USUAL}, batch 8, read each second, means over the GPUs at work. Where the GPU's own",
        "power limit slows it down, it does so alone as beside others: there is no shared limit to",
        "see on either host.",
        "",
        *table(
            (
                *("stack", "timed on", "at once", "power, W", "SM clock, MHz", "hottest, °C"),
                "at the power limit",
            ),
            rows,
        ),
        "",
    )


def _state(parts: Sequence[Replica]) -> tuple[str, ...]:
    read = [each for part in parts for each in part.during]
    watts = [each.power_w for each in read if each.power_w is not None]
    clocks = [each.sm_clock_mhz for each in read if each.sm_clock_mhz is not None]
    heat = [each.temperature_c for each in read if each.temperature_c is not None]
    capped = np.mean(["power_cap" in each.throttle_reasons for each in read])
    return f"{np.mean(watts):.0f}", f"{np.mean(clocks):.0f}", f"{max(heat):.0f}", f"{capped:.0%}"


def _encoding(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    found: dict[str, list[Encoding]] = {}
    for each in _whole(each for record in records.values() for each in record.encodings):
        found.setdefault(hosts.name(each.run), []).append(each)
    rows = []
    for host, parts in sorted(found.items()):
        for kind in dict.fromkeys(map(_kind, parts)):
            same = [each for each in parts if _kind(each) == kind]
            most = max(each.replicas for each in same)
            alone, all_ = (
                np.median([s for each in same if each.replicas == n for s in each.wall_s])
                for n in (1, most)
            )
            rows.append(
                (
                    *(kind[0], f"{same[0].size_bytes / 1e6:.2f}", "yes" if kind[1] else "no"),
                    *(host, f"{1e3 * alone:.0f}", f"{1e3 * all_:.0f} ({most})"),
                )
            )
    image_s = fc.fit(records["compiled-bf16"]).latency(USUAL).value
    slow = max(found.values(), key=lambda parts: _encode_s(parts, "png"))
    png_s, jpeg_s = (_encode_s(slow, kind) for kind in ("png", "jpeg"))
    yield from (
        "## Files",
        "",
        f"Encoding one 1024x1024 picture ({slow[0].picture}) on one core, milliseconds; runs that",
        "stopped before they had encoded every format are left out:",
        "",
        *table(
            ("format", "MB", "to disk", "timed on", "one replica", "all at once (replicas)"), rows
        ),
        "",
        f"A compiled replica makes a picture every {image_s:.2f} s and, on the slower host, PNG",
        f"takes a core {png_s:.2f} s: it keeps {png_s / image_s:.1f} cores busy, and a server that",
        f"encodes it between calls makes {image_s / (image_s + png_s):.0%} of the images. JPEG",
        f"takes 1/{png_s / jpeg_s:.0f} of that. Where files are made on the host, they decide how",
        "many cores a replica needs.",
        "",
    )


def _whole(encodings: Iterable[Encoding]) -> list[Encoding]:
    """Return the encodings of runs that took every format, alone and at once."""
    found: dict[str, list[Encoding]] = {}
    for each in encodings:
        found.setdefault(each.run, []).append(each)
    taken = {
        run: {(_kind(each), each.replicas > 1) for each in parts} for run, parts in found.items()
    }
    every = set().union(*taken.values())
    return [each for run, parts in found.items() if taken[run] == every for each in parts]


def _kind(encoding: Encoding) -> tuple[str, bool]:
    return encoding.image_format, encoding.to_disk


def _encode_s(found: Sequence[Encoding], kind: str) -> float:
    return float(np.median([s for e in found if e.image_format.startswith(kind) for s in e.wall_s]))


def _article(record: Calibration) -> Iterable[str]:
    fitted = fc.fit(record)
    printed = published_law()[1].value
    rates = {n: fitted.throughput(fc.Shape(1024, 1024, n)) for n in range(4, 41)}
    fits = min(rates, key=lambda n: abs(np.log(rates[n].value / printed)))
    yield from (
        "## The article's first row",
        "",
        f"The article's table starts at {printed:.2f} images a second, a quarter of what its own",
        "latency, 0.57 s at 4 steps, gives. It does not name its steps; by its own latencies they",
        f"would be about {ARTICLE_STEPS}. Here, with diffusers as it comes, 4 steps make",
        f"{spread(rates[4], '.2f')} images a second, {ARTICLE_STEPS} make",
        f"{spread(rates[ARTICLE_STEPS], '.2f')}, and {fits} make {spread(rates[fits], '.2f')},",
        f"{rates[fits].source} both.",
        "The table is of many more steps than 4, and says nothing of the price of 4.",
        "",
    )


def _split(record: Calibration) -> Iterable[str]:
    fitted = fc.fit(record)
    offer = fc.load_catalog().offer(OFFER)
    rows = []
    for each in record.split_images:
        alone, wall = _halves(each)
        usd = fc.cost_per_image(fitted, offer, each.shape, utilization=UTILIZATION).total
        rows.append(
            (
                str(each.shape),
                f"{alone:.3f}",
                f"{wall:.3f}",
                f"{alone / wall:.2f}",
                f"{usd.value:.6f}",
                f"{usd.value * each.gpus * wall / alone:.6f}",
                f"{each.difference:.1%}",
            )
        )
    yield from (
        "## One image on two GPUs",
        "",
        "diffusers' context parallelism (Ulysses attention) in `eager-bf16`: the tokens of an",
        "image are split, every GPU encodes the text and decodes the picture. USD an image are on",
        f"`{OFFER}` at {UTILIZATION:.0%} utilization.",
        "",
        *table(
            (
                *("call", "one GPU, s", "both, s", "times as fast", "USD, one", "USD, both"),
                "pictures differ",
            ),
            rows,
        ),
        "",
        "At 1024x1024 the exchanges around each attention cost more than half the arithmetic",
        "saves. A plan considers it only where no one GPU can meet a latency objective.",
        "",
    )


def _halves(each: SplitImage) -> tuple[float, float]:
    return float(np.median(each.alone_s)), float(np.median(each.wall_s))


def _links(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    found: dict[str, list[Link]] = {}
    for record in records.values():
        for each in record.links:
            found.setdefault(hosts.name(each.run), []).append(each)
    rows = []
    for host, links in sorted(found.items()):
        rates = [each.gb_per_s for each in links]
        rows.append(
            (
                host,
                str(len({(each.source, each.target) for each in links})),
                f"{min(rates):.0f} to {max(rates):.0f}",
                "yes" if all(each.nvlink for each in links) else "no",
                "yes" if all(each.peer_access for each in links) else "no",
            )
        )
    yield from (
        "## Links",
        "",
        "A copy of 1 GiB from one GPU to another, over every pair in both directions:",
        "",
        *table(("between", "pairs", "GB/s", "NVLink", "peer access"), rows),
        "",
    )


def _efficiency(fleets: Fleets, window: Window) -> Estimate:
    found = fleets.efficiency(window)
    assert found is not None  # noqa: S101 - every window together was timed alone too
    return found


def _call(window: Window) -> str:
    shape, batch = window.asked
    return f"{shape}, batch {batch}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
