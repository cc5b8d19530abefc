"""What a plan starts: instances that each run one server with a replica on every GPU.

It also says what each tool calls a GPU; a GPU that is not listed is refused rather than guessed.
SkyPilot's names are those of its catalog (0.14), which tells boards of one name apart for RunPod
only; elsewhere H100 may be a PCIe board, and the exported file says so. Kubernetes' are the names
that NVIDIA's GPU feature discovery puts on a node as `nvidia.com/gpu.product`: the driver's name,
as in the shipped calibrations, with hyphens for spaces. Ray's are those of `ray.util.accelerators`
(2.60), which tells boards of one name apart no more than SkyPilot does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ConfigDict

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching, Scaling
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.errors import InfeasibleError, UnknownNameError
from fluxcost.records import Record
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload


@dataclass(frozen=True)
class GpuNames:
    """One GPU in the words of other tools; `runpod` is SkyPilot's word there."""

    skypilot: str
    runpod: str
    kubernetes: str
    ray: str


NAMES = {
    "h100-sxm": GpuNames("H100", "H100-SXM", "NVIDIA-H100-80GB-HBM3", "H100"),
    "h200-sxm": GpuNames("H200", "H200-SXM", "NVIDIA-H200", "H200"),
}


def names_of(gpu: str) -> GpuNames:
    """Return what the tools call a GPU key.

    Raises:
        UnknownNameError: Nobody has looked it up.
    """
    if gpu not in NAMES:
        raise UnknownNameError("a name in other tools for the GPU", gpu, NAMES)
    return NAMES[gpu]


SERVED_STACKS = frozenset(
    {
        "compiled-bf16",
        "compiled-bf16-cached-prompts",
        "compiled-bf16-dynamic",
        "compiled-fp8",
        "compiled-fp8-cached-prompts",
        "eager-bf16",
    }
)
"""Stacks that `python -m measure serve` can start."""

ANY_NUMBER = 1_000_000
"""Images that may wait where the plan turns nobody away; the server wants a number."""

PORT = 8000
READY_WITHIN_S = 1800
"""How long a server may take to load, compile and warm up before it is given up."""


class _Component(Record):
    """The fields of a component, as a plan's JSON holds them, that say what to start."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    option: str
    mode: str
    gpu: str | None
    gpus: int
    replicas: int
    gpus_per_image: int = 1
    calibration: str | None
    batching: Batching | None
    queue_limit: int | None
    scaling: Scaling | None


@dataclass(frozen=True)
class ServerSettings:
    """Who makes the server's pictures, where only the user can say.

    Attributes:
        weights: Checkpoint folder or hub name; None for synthetic weights.
        image: Container image in which `fluxcost[serve]` is installed.
    """

    weights: str | None = None
    image: str | None = None


@dataclass(frozen=True)
class Deployment:
    """Instances of one offer, all alike.

    Attributes:
        name: Of the workload, in lower-case letters, digits and hyphens.
        title: What the plan rents, for a comment.
        offer: What is rented.
        instances: How many, the most where they come and go.
        least: How many are kept.
        replicas: GPUs of the plan that need to serve; instances sold whole may hold more.
        model: Name of the model.
        stack: Alias of the stack.
        batching: How images are joined into calls.
        queue_limit: Images that may wait in all; None for any number.
        images_per_request: Of the workload.
        shapes: What is served.
        scaling: When instances come and go; None where they are kept.
        server: What only the user can say.
    """

    name: str
    title: str
    offer: Offer
    instances: int
    least: int
    replicas: int
    model: str
    stack: str
    batching: Batching
    queue_limit: int | None
    images_per_request: int
    shapes: tuple[Shape, ...]
    scaling: Scaling | None
    server: ServerSettings

    @classmethod
    def of(
        cls, workload: Workload, plan: Mapping[str, Any], catalog: Catalog, server: ServerSettings
    ) -> Self:
        """Read what to start from a plan.

        Args:
            workload: What the plan was made for.
            plan: As `Plan.to_dict` and `fluxcost plan --json` give it.
            catalog: The prices, which say how many GPUs an instance has.
            server: What only the user can say.

        Raises:
            InfeasibleError: The plan is of something that cannot be started, or not so.
            InputError: The plan lacks a field, or its offer is unknown.
        """
        component = _only_component(plan)
        calibration, batching = component.calibration, component.batching
        if calibration is None or batching is None:
            raise InfeasibleError(
                f"{component.option} is an API, which is called and not started; choose the plan "
                "of a GPU offer with --option."
            )
        offer = catalog.offer(component.option)
        stack = calibration.rsplit("/", 1)[-1]
        _refuse_what_no_server_does(component, stack, batching)
        instances, rest = divmod(component.gpus, offer.gpu_count)
        if rest:
            raise InfeasibleError(
                f"{component.option} has {offer.gpu_count} GPUs an instance today and the plan "
                f"rents {component.gpus}; make the plan again with today's prices."
            )
        return cls(
            name=slug(workload.name),
            title=f"{component.gpus} x {component.gpu}, {component.option}, {component.mode}",
            offer=offer,
            instances=instances,
            least=_instances(component.scaling, instances, offer),
            replicas=component.replicas,
            model=(plan.get("choice") or {}).get("model") or workload.model,
            stack=stack,
            batching=batching,
            queue_limit=component.queue_limit,
            images_per_request=workload.images_per_request,
            shapes=_shapes(workload, (plan.get("choice") or {}).get("steps")),
            scaling=component.scaling,
            server=server,
        )

    @property
    def warm(self) -> tuple[str, ...]:
        """The shapes as a server takes them: WIDTHxHEIGHTxSTEPS."""
        return tuple(f"{each.width}x{each.height}x{each.steps}" for each in self.shapes)

    @property
    def command(self) -> tuple[str, ...]:
        """The program of one instance and its arguments."""
        devices = (part for rank in range(self.offer.gpu_count) for part in _device(rank))
        warm = (part for shape in self.warm for part in ("--warm", shape))
        weights = () if self.server.weights is None else ("--weights", self.server.weights)
        return (
            *("python", "-m", "measure", "serve", "--model", self.model, "--stack", self.stack),
            *weights,
            *devices,
            *("--max-batch", str(self.batching.max_batch)),
            *("--max-wait", f"{self.batching.max_wait_s:g}"),
            *("--queue-limit", str(_each(self.queue_limit, self.instances))),
            *warm,
            *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - a cluster's own network
        )

    @property
    def comments(self) -> tuple[str, ...]:
        """What the reader of the exported file must know, a line each."""
        comments = [f"Written by fluxcost export: {self.title}."]
        gpus = self.instances * self.offer.gpu_count
        if gpus > self.replicas:
            comments.append(
                f"{self.replicas} replicas suffice; instances are sold whole, all serve."
            )
        if self.server.weights is None:
            comments.append(
                "Synthetic weights: pictures mean nothing. Export again with --weights."
            )
        return tuple(comments)


def notes_on_queues(deployment: Deployment) -> tuple[str, ...]:
    """Return what a reader must know where every instance has a queue of its own."""
    if deployment.instances == 1:
        return ()
    return (
        "The plan lets all replicas share one queue; here each instance has its",
        "own, so answers come somewhat later. Time it: python -m measure endpoint.",
    )


def slug(name: str) -> str:
    """Return a name as Kubernetes takes it: letters, digits, inner hyphens, at most 40."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return plain if plain[:1].isalpha() else f"images-{plain}".rstrip("-")


def _only_component(plan: Mapping[str, Any]) -> _Component:
    components = [
        _Component.parse(each, f"plan {plan.get('option')}, component")
        for each in plan["components"]
    ]
    if len(components) != 1:
        names = ", ".join(component.option for component in components)
        raise InfeasibleError(
            f"plan {plan.get('option')} has {len(components)} components ({names}), and "
            "dividing requests among them is left to you; choose a plan of one component with "
            "--option."
        )
    return components[0]


def _refuse_what_no_server_does(component: _Component, stack: str, batching: Batching) -> None:
    if component.mode == "deadline":
        raise InfeasibleError(
            f"{component.option} makes one job by a deadline, and what can be exported is a "
            "server, which never ends and would be billed on; rent the GPUs for the job, or "
            "state how requests arrive."
        )
    if component.mode == "scheduled":
        raise InfeasibleError(
            f"{component.option} is rented by the hours of the workload's profile, and what "
            "is exported is kept around the clock; choose such a plan with --option."
        )
    if component.gpus_per_image > 1:
        raise InfeasibleError(
            f"{component.option} has {component.gpus_per_image} GPUs make each image together, and "
            "`python -m measure serve` gives each replica one; choose another plan with --option."
        )
    if stack not in SERVED_STACKS:
        raise InfeasibleError(
            f"stack {stack} is not one that `python -m measure serve` starts "
            f"({', '.join(sorted(SERVED_STACKS))}); choose another with --option."
        )
    if batching.together == "tokens":
        raise InfeasibleError(
            "batching.together is tokens; expected shape, since a server's call is of one shape."
        )


def _shapes(workload: Workload, steps: int | None) -> tuple[Shape, ...]:
    traced = workload.arrivals is not None and workload.arrivals.trace is not None
    mix = demand_of(workload).mix if traced else workload.mix
    asked = [Shape(s.width, s.height, steps or s.steps, s.reference_images) for s, _ in mix]
    for shape in asked:
        if shape.reference_images:
            raise InfeasibleError(
                f"{shape} edits images, which the server does not take; leave the shape out."
            )
    return tuple(dict.fromkeys(asked))


def _instances(scaling: Scaling | None, most: int, offer: Offer) -> int:
    if scaling is None:
        return most
    if scaling.least == 0:
        raise InfeasibleError(
            "scaling.least is 0; expected 1 or more, since no request wakes a stopped server."
        )
    return -(-scaling.least // offer.gpu_count)


def _each(queue_limit: int | None, instances: int) -> int:
    return ANY_NUMBER if queue_limit is None else -(-queue_limit // instances)


def _device(rank: int) -> tuple[str, str]:
    return "--device", f"cuda:{rank}"
