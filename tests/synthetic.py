"""Calibrations made from known physics and seeded noise, and the truth behind them.

The machine is imagined as two clocks: a CPU that launches each stage at its own pace and a GPU that
works through the launches in order. A stage ends when both are done, and the GPU may lag behind the
CPU from one stage to the next. Values are those of an H100 run of klein-4B (2026-11-22): a step of
86 ms at 1024x1024, 34 ms launch-bound, text 55 ms launch-bound, decoding 92 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from fluxcost.performance.calibration.measured_cell import Cell, Energy, Memory, Samples
from fluxcost.performance.calibration.measuring_run import (
    AttentionCeiling,
    CacheState,
    Ceilings,
    ColdStartRecord,
    Environment,
    FirstCalls,
    GpuIdentity,
    MatmulCeiling,
    MeasuringRun,
    ProcessStart,
    Stack,
)
from fluxcost.performance.calibration.schema import Calibration

EDITS = tuple((side, side, 4, 1, count) for side in (512, 1024) for count in (1, 2))
"""Width, height, steps, batch and reference images of the cells of an edit."""

GRID = (
    *(
        (w, h, n, 1)
        for w, h in ((512, 512), (768, 768), (1280, 720), (1024, 1024), (1536, 1024))
        for n in (4, 8, 12)
    ),
    *((1024, 1024, 4, b) for b in (2, 4, 8, 16)),
    *((512, 512, 4, b) for b in (2, 4, 16)),
    (384, 384, 4, 1),
    (2048, 2048, 4, 1),
)
"""Width, height, steps, batch of the cells the measuring suites take."""

EAGER = Stack(alias="eager-bf16", settings={"dtype": "bfloat16", "compile": "none"})
LOSSY = Stack(alias="quick-fp8", settings={"dtype": "float8", "compile": "none", "lossy": True})


@dataclass(frozen=True)
class Machine:
    """Seconds and rates of the imagined machine."""

    text_launch_s: float = 0.055
    text_s: float = 0.008
    step_launch_s: float = 0.034
    first_extra_s: float = 0.002
    step_s_per_kilotoken: float = 0.0142
    attention_s_per_square: float = 0.97e-9
    wave_s: float = 0.0015
    vae_launch_s: float = 0.014
    vae_s_per_megapixel: float = 0.087
    host_s: float = 0.008
    host_s_per_megapixel: float = 0.013
    reference_s: float = 0.006
    reference_s_per_megapixel: float = 0.045
    reference_host_s_per_megapixel: float = 0.011
    launch_noise: float = 0.03
    gpu_noise: float = 0.003

    def spans(
        self, pixels: int, steps: int, batch: int, mood: float = 1.0, heat: float = 1.0
    ) -> tuple[float, tuple[float, ...], float, float]:
        """Return text, steps, decoding and host seconds; mood and heat scale CPU and GPU."""
        tokens = pixels / 256 + 512
        tokens += (-tokens * batch % 128) / 2 / batch  # a ragged tile costs half of what it lacks
        step_gpu = heat * (
            self.wave_s
            + self.step_s_per_kilotoken * tokens * batch / 1e3
            + self.attention_s_per_square * tokens**2 * batch
        )
        vae_gpu = heat * self.vae_s_per_megapixel * pixels * batch / 1e6
        text_gpu = heat * self.text_s * batch
        cpu = mood * self.text_launch_s
        done = [max(cpu, text_gpu)]
        for index in range(steps):
            cpu += mood * (self.step_launch_s + (self.first_extra_s if index == 0 else 0.0))
            start = max(done[-1], cpu - mood * self.step_launch_s)
            done.append(max(cpu, start + step_gpu))
        cpu += mood * self.vae_launch_s
        end = max(cpu, done[-1] + vae_gpu)
        host = mood * self.host_s + self.host_s_per_megapixel * pixels * batch / 1e6
        return done[0], tuple(np.diff(done)), end - done[-1], host

    def edit_spans(
        self, pixels: int, steps: int, batch: int, references: int, mood: float, heat: float
    ) -> tuple[float, float, tuple[float, ...], float, float]:
        """Return text, encoding, steps, decoding and host seconds with references as large."""
        given = references * pixels
        text, _, vae, host = self.spans(pixels, steps, batch, mood, heat)
        _, denoise, _, _ = self.spans(pixels + given, steps, batch, mood, heat)
        encode = heat * (self.reference_s + self.reference_s_per_megapixel * given / 1e6)
        host += self.reference_host_s_per_megapixel * given / 1e6
        return text, encode, denoise, vae, host

    def wall_s(self, pixels: int, steps: int, batch: int) -> float:
        """Return the whole call without noise."""
        text, denoise, vae, host = self.spans(pixels, steps, batch)
        return text + sum(denoise) + vae + host

    def memory_gib(self, pixels: int, batch: int) -> float:
        """Return the peak of allocated memory: the decoder's activations over the weights."""
        return 15.4 + max(0.3, 1.9 * pixels * batch / 1e6)

    def joules(self, pixels: int, steps: int, batch: int) -> float:
        """Return the energy of a call: standby power times time, and a price of arithmetic."""
        tokens = pixels / 256 + 512
        arithmetic = (
            steps * batch * (6.1e-3 * tokens + 3.1e-7 * tokens**2) + 12 * pixels * batch / 1e6
        )
        return 120 * self.wall_s(pixels, steps, batch) + arithmetic


def make_calibration(
    machine: Machine | None = None,
    *,
    seed: int = 1,
    grid: Sequence[tuple[int, int, int, int]] = GRID,
    calls: int = 20,
    gpu: str = "h100-sxm",
    stack: Stack = EAGER,
    edits: Sequence[tuple[int, int, int, int, int]] = (),
) -> Calibration:
    """Return a calibration of the machine over the grid, with seeded noise."""
    machine = machine or Machine()
    random = np.random.default_rng(seed)
    cells = [_cell(machine, random, calls, point) for point in grid]
    cells += [_edit(machine, random, calls, point) for point in edits]
    return Calibration(
        gpu=GpuIdentity(key=gpu, name="Synthetic H100", memory_gib=79.2),
        model="flux2-klein-4b",
        stack=stack,
        runs=(_run(),),
        cells=tuple(cells),
    )


def cold_started(calibration: Calibration, first_call_s: float, filled_s: float) -> Calibration:
    """Return the calibration with a run whose replica loads in 20 s before its first call."""

    def start(found: CacheState, call_s: float) -> ProcessStart:
        calls = FirstCalls(width=1024, height=1024, steps=4, batch=1, wall_s=(call_s, 0.5))
        return ProcessStart(
            page_cache=found,
            compile_cache=found,
            import_s=7.0,
            load_s=12.0 if found == "empty" else 3.0,
            prepare_s=1.0,
            calls=(calls,),
            compile_cache_mib=50.0,
        )

    cold = ColdStartRecord(
        build_s=20.0,
        file_gib=14.9,
        load_cold_cache_s=12.0,
        first_call_s=first_call_s,
        starts=(start("empty", first_call_s), start("filled", filled_s)),
    )
    run = calibration.runs[0].model_copy(update={"id": "cold", "cold_start": cold})
    return calibration.model_copy(update={"runs": (*calibration.runs, run)})


def _cell(
    machine: Machine, random: np.random.Generator, calls: int, point: tuple[int, int, int, int]
) -> Cell:
    width, height, steps, batch = point
    pixels = width * height
    rows = []
    for _ in range(calls):
        mood = np.exp(machine.launch_noise * random.standard_normal())
        heat = np.exp(machine.gpu_noise * random.standard_normal())
        rows.append(machine.spans(pixels, steps, batch, mood, heat))
    return Cell(
        width=width,
        height=height,
        steps=steps,
        batch=batch,
        run="run-1",
        samples=Samples(
            wall_s=tuple(text + sum(denoise) + vae + host for text, denoise, vae, host in rows),
            text_encode_s=tuple(row[0] for row in rows),
            denoise_step_s=tuple(row[1] for row in rows),
            vae_decode_s=tuple(row[2] for row in rows),
        ),
        memory=Memory(
            allocated_gib=machine.memory_gib(pixels, batch),
            device_gib=machine.memory_gib(pixels, batch) * 1.03 + 0.6,
        ),
        energy=Energy(
            joules=10 * machine.joules(pixels, steps, batch),
            window_s=10 * machine.wall_s(pixels, steps, batch),
            calls=10,
        ),
    )


def _edit(
    machine: Machine,
    random: np.random.Generator,
    calls: int,
    point: tuple[int, int, int, int, int],
) -> Cell:
    width, height, steps, batch, references = point
    rows = []
    for _ in range(calls):
        mood = np.exp(machine.launch_noise * random.standard_normal())
        heat = np.exp(machine.gpu_noise * random.standard_normal())
        rows.append(machine.edit_spans(width * height, steps, batch, references, mood, heat))
    peak_gib = machine.memory_gib(width * height, batch) + 0.1 * references
    return Cell(
        width=width,
        height=height,
        steps=steps,
        batch=batch,
        reference_images=references,
        run="run-1",
        samples=Samples(
            wall_s=tuple(
                text + own + sum(each) + vae + host for text, own, each, vae, host in rows
            ),
            text_encode_s=tuple(row[0] for row in rows),
            reference_encode_s=tuple(row[1] for row in rows),
            denoise_step_s=tuple(row[2] for row in rows),
            vae_decode_s=tuple(row[3] for row in rows),
        ),
        memory=Memory(allocated_gib=peak_gib, device_gib=peak_gib * 1.03 + 0.6),
    )


def _run() -> MeasuringRun:
    return MeasuringRun(
        id="run-1",
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
        environment=Environment(
            gpu_name="Synthetic H100",
            gpu_memory_gib=79.2,
            cpu_model="Synthetic CPU",
            cpu_cores=16,
            host_memory_gib=128,
            python="3.11.7",
            packages={"torch": "2.11.0"},
            weights="synthetic (seed 1, scale 1)",
        ),
        ceilings=Ceilings(
            matmul=(MatmulCeiling(rows=4608, inner=3072, columns=27648, tflop_per_s=690),),
            attention=tuple(
                AttentionCeiling(
                    backend="cudnn", tokens=tokens, heads=24, head_dim=128, tflop_per_s=rate
                )
                for tokens, rate in ((1536, 480), (4608, 619), (16896, 640))
            ),
        ),
    )
