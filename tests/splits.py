"""Calibrations in which several GPUs made one image together, with a planted gain."""

from __future__ import annotations

import numpy as np

from fluxcost.performance.calibration.extra_measurements import ContextParallelImage, GpuLink
from fluxcost.performance.calibration.schema import Calibration
from tests.synthetic import Machine, make_calibration

CALLS = 12
NOISE = 0.003
SIZES = ((1024, 1024), (2048, 2048))


def split_calibration(
    gain: float,
    *,
    gpus: tuple[int, ...] = (2,),
    sizes: tuple[tuple[int, int], ...] = SIZES,
    gpu: str = "h200-sxm",
    seed: int = 3,
) -> Calibration:
    """Return a calibration whose images, made together, take a share of one GPU's time.

    Args:
        gain: Seconds of a call on two GPUs over those of one; its square on four.
        gpus: Counts that made images together.
        sizes: Width and height of those images, of 4 steps each.
        gpu: Key of the GPU.
        seed: Of the noise.
    """
    random = np.random.default_rng(seed)

    def walls(seconds: float) -> tuple[float, ...]:
        return tuple(seconds * np.exp(NOISE * random.standard_normal(CALLS)))

    alone_s = {size: Machine().wall_s(size[0] * size[1], 4, 1) for size in sizes}
    splits = tuple(
        ContextParallelImage(
            run="run-1",
            width=size[0],
            height=size[1],
            steps=4,
            batch=1,
            gpus=count,
            method="ulysses",
            wall_s=walls(alone_s[size] * gain ** np.log2(count)),
            alone_s=walls(alone_s[size]),
            difference=0.01,
        )
        for size in sizes
        for count in gpus
    )
    pairs = ((0, 1), (1, 0))
    links = [
        GpuLink(run="run-1", source=a, target=b, peer_access=True, nvlink=True, gb_per_s=394.0)
        for a, b in pairs
    ]
    made = make_calibration(gpu=gpu)
    return made.model_copy(update={"split_images": splits, "links": tuple(links)})
