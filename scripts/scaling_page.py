"""Write docs/scaling.md from the records that ship: python -m scripts.scaling_page.

Two GPUs of one host and four of another were timed alone and at once; the page compares them with a
published article's table of one to eight.
"""

from __future__ import annotations

from pathlib import Path

import fluxcost as fc
from measure.replicas.scaling_report import open_fleets
from scripts.scaling.article import article
from scripts.scaling.cores import cores, threads
from scripts.scaling.encoding import encoding
from scripts.scaling.one_image import links, split
from scripts.scaling.power import power
from scripts.scaling.predicted import before, more, predicted_and_measured
from scripts.scaling.together import lost, plans, together
from scripts.scaling.windows import Hosts

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scaling.md"
GPU, MODEL = "h100-sxm", "flux2-klein-4b"
STACKS = ("compiled-bf16", "eager-bf16")

HEAD = """# Several GPUs

Up to four H100s of one host were measured with one replica on each GPU: each replica alone, then
all at once, in one run, with shapes and counts in shuffled order. There were two runs on two
hosts. The first had two GPUs: `python -m measure run --suite scaling --gpus 1,2 --cores 1,2,4,all
--split-image --threads`. The second had four: `--suite scaling --gpus 1,2,4`. Eight were not
measured.

*Efficiency* is the throughput of all replicas at once divided by the sum of the throughputs of
the same GPUs alone on the same host, with its 90 % interval. A value above 100 % is drift: GPUs
are not faster at once than alone. `scripts/scaling_page.py` writes this page from records; a test
fails when it is out of date.
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
            *together(fleets, hosts),
            *lost(fleets, hosts),
            *predicted_and_measured(records, earlier, fleets),
            *more(records, earlier),
            *plans(fleets),
            *cores(fleets, hosts),
            *threads(fleets["eager-bf16"], hosts),
            *power(records, hosts),
            *encoding(records, hosts),
            *article(records["eager-bf16"]),
            *split(records["eager-bf16"]),
            *links(records, hosts),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
