"""Quality records made for tests."""

import datetime as dt
from itertools import combinations
from typing import Any

from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Quality

JUDGE = {"name": "a judge", "revision": "1"}


def measured(
    values: dict[str, dict[str, list[float]]],
    *,
    later: dict[str, dict[str, list[float]]] | None = None,
    metric: Metric = Metric.CLIP,
) -> Quality:
    """Make a record from category to prompt to scores: at 4 steps, and `later` at 8.

    Scores of a distance are those of the pairs of seeds 0-1, 0-2, 1-2, and so on.
    """
    pictures: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    for steps, table in ((4, values), (8, later or {})):
        for prompts in table.values():
            for prompt, found in prompts.items():
                _add(prompt, steps, found, metric, pictures, scores)
    asked = {
        name: {"id": name, "category": category, "text": f"a picture of {name}"}
        for table in (values, later or {})
        for category, row in table.items()
        for name in row
    }
    document = {
        "model": "tiny",
        "source": "measured",
        "judges": {metric: JUDGE},
        "maker": {
            "weights": "a checkpoint",
            "revision": "1",
            "stack": "eager-bf16",
            "device": "a GPU",
            "packages": {"torch": "2"},
            "started_at": dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
        },
        "prompts": list(asked.values()),
        "pictures": pictures,
        "scores": scores,
    }
    return Quality.parse(document, "a made record")


def _add(
    prompt: str,
    steps: int,
    values: list[float],
    metric: Metric,
    pictures: list[dict[str, Any]],
    scores: list[dict[str, Any]],
) -> None:
    paired = metric is Metric.LPIPS
    seeds = next(n for n in range(99) if n * (n - 1) // 2 == len(values)) if paired else len(values)
    names = [f"{prompt} {steps} {seed}" for seed in range(seeds)]
    pictures += [
        {
            "id": name,
            "prompt": prompt,
            "seed": seed,
            "width": 64,
            "height": 64,
            "steps": steps,
            "file": f"{name}.png",
            "sha256": "0" * 64,
        }
        for seed, name in enumerate(names)
    ]
    scored = list(combinations(names, 2)) if paired else [(name,) for name in names]
    scores += [
        {"metric": metric, "pictures": each, "value": value}
        for each, value in zip(scored, values, strict=True)
    ]


def typed(model: str, *, half_width: float = 0.0, **tables: dict[int, float]) -> Quality:
    """Make a record of one's own: metric to steps to value."""
    rows = [
        {"metric": metric, "steps": steps, "value": value, "half_width": half_width}
        for metric, row in tables.items()
        for steps, value in row.items()
    ]
    document = {
        "model": model,
        "source": "assumed",
        "reference": "typed in for a test",
        "judges": dict.fromkeys(tables, JUDGE),
        "reported": rows,
    }
    return Quality.parse(document, "a made record")
