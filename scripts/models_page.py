"""Write docs/models.md from the records that ship: python -m scripts.models_page.

Every model was timed by the same program on the same kind of GPU, eager and, where there is a
record, compiled; a table of a published article stands beside them. Built sizes are counted on
networks without memory (device meta), so the page needs the extra `measure` and no GPU.
"""

from __future__ import annotations

import fluxcost as fc
from fluxcost.performance.calibration.library import shipped_calibrations
from fluxcost.performance.calibration.schema import read_calibration
from scripts.docs.running import ROOT
from scripts.models.beside_sdxl import times_faster
from scripts.models.compared import COMPILED, EAGER, GPU, KLEIN, MODELS, SDXL, STACKS, alias_of
from scripts.models.comparison import comparison
from scripts.models.editing import editing
from scripts.models.occasions import occasions
from scripts.models.sizes import sizes
from scripts.models.transfers import transfers

PAGE = ROOT / "docs" / "models.md"
BESIDE = ROOT / "benchmarks" / "records" / GPU / "models-flux2-klein-4b.json"
"""klein-4B timed eager in the same hour as the others; the shipped record is of other runs."""
SUITE = "benchmarks/suites/sdxl.yaml"

HEAD = f"""# Other models on the same GPU

Every model was timed by `python -m measure run` on an NVIDIA H100 80GB (700 W). Networks and text
encoders have their full size; the weights are random, at the scale of a checkpoint. The timings
are therefore valid and the images are meaningless. `{EAGER}` is stock diffusers in bf16, not
compiled. `{COMPILED}` compiles the blocks and keeps the images; it is shown for the models that
have a record of it. `scripts/models_page.py` writes this page from records; a test fails when it
is out of date.
"""

USE = f"""
A time is the median of whole calls with its 90 % interval, for any run on such a GPU. The source
column says which times were measured and which were computed by a fit. The cells to measure are in
`benchmarks/suites/`:

```console
$ python -m measure run --suite {SUITE} --model {SDXL} --stack {COMPILED} --out DIR
```
"""


def page() -> str:
    """Return the page."""
    known = {each.alias for each in shipped_calibrations()}
    fits = {
        stack: {
            model.name: fc.fit(fc.load_calibration(alias_of(model.name, stack)))
            for model in MODELS
            if alias_of(model.name, stack) in known
        }
        for stack in STACKS
    }
    eager = fits[EAGER]
    beside = fits | {EAGER: eager | {KLEIN: fc.fit(read_calibration(BESIDE))}}
    return "\n".join(
        [
            HEAD,
            occasions(beside),
            USE,
            *comparison(beside),
            *times_faster(beside),
            *sizes(beside[EAGER]),
            *editing(eager[KLEIN]),
            *transfers(fits),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
