"""From a plan, or the JSON of one, to the text of a file for another tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from fluxcost.documents import read_json
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.errors import DocumentError, UnknownNameError
from fluxcost.planning.export import ray_serve, skypilot
from fluxcost.planning.export.deployment import Deployment, ServerSettings, notes_on_queues
from fluxcost.planning.export.kubernetes import to_kubernetes
from fluxcost.planning.plans import Plan
from fluxcost.workload.workload import Workload

Target = Literal["kubernetes", "ray-serve", "skypilot"]
"""The tools a plan can be written for."""

_WRITERS: dict[str, Callable[[Deployment], Sequence[Mapping[str, Any]]]] = {
    "kubernetes": to_kubernetes,
    "ray-serve": lambda deployment: [ray_serve.to_ray_serve(deployment)],
    "skypilot": lambda deployment: [skypilot.to_skypilot(deployment)],
}

_NOTES: dict[str, Callable[[Deployment], tuple[str, ...]]] = {
    "kubernetes": notes_on_queues,
    "ray-serve": ray_serve.notes,
    "skypilot": skypilot.notes,
}


class _Plain(yaml.SafeDumper):
    """Writes every value out: not every tool reads aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def export(
    plan: Plan | Mapping[str, Any],
    workload: Workload,
    to: Target,
    *,
    catalog: Catalog | None = None,
    weights: str | None = None,
    image: str | None = None,
) -> str:
    """Return the YAML with which another tool runs a plan.

    Every instance of the plan becomes one server, `python -m measure serve`, with a replica on each
    of its GPUs; on Ray every GPU becomes one.

    Args:
        plan: One plan, or the plain values that `Plan.to_dict` gives.
        workload: What it was made for.
        to: The tool.
        catalog: The prices it was made with; the shipped ones unless given.
        weights: Checkpoint folder or hub name; synthetic weights unless given.
        image: Container image in which `fluxcost[serve]` is installed; Kubernetes needs one.

    Raises:
        InfeasibleError: The plan is of an API, of several components or by a deadline, or the
            tool cannot run it.
        InputError: The plan lacks a field, or an image is needed and not given.
        UnknownNameError: No such tool or offer, or nobody has looked up what it calls the GPU.
    """
    if to not in _WRITERS:
        raise UnknownNameError("target", to, get_args(Target))
    line = plan.to_dict() if isinstance(plan, Plan) else plan
    server = ServerSettings(weights=weights, image=image)
    deployment = Deployment.of(workload, line, catalog or load_catalog(), server)
    comments = (*deployment.comments, *_NOTES[to](deployment))
    header = "".join(f"# {comment}\n" for comment in comments)
    return header + yaml.dump_all(
        _WRITERS[to](deployment), Dumper=_Plain, sort_keys=False, width=100
    )


def read_plans(path: Path) -> tuple[Workload, list[dict[str, Any]]]:
    """Return the workload and the plans of a file that `fluxcost plan --json` wrote.

    Raises:
        DocumentError: The file cannot be read or is not of plans.
        InputError: Its workload is not one.
    """
    document = read_json(path)
    try:
        asked, plans = document["recipe"]["workload"], list(document["plans"])
        _ = [plan["components"] for plan in plans]
    except (KeyError, TypeError) as error:
        raise DocumentError(
            f"{path}: not the JSON of a plan ({error}); give what `fluxcost plan --json` wrote."
        ) from None
    return Workload.parse(asked, f"{path}, workload"), plans
