"""A plan as a SkyPilot task that SkyServe keeps up, a SkyServe replica an instance."""

from __future__ import annotations

import shlex
from typing import Any

from fluxcost.errors import InfeasibleError
from fluxcost.planning.export.deployment import (
    PORT,
    READY_WITHIN_S,
    Deployment,
    names_of,
    notes_on_queues,
)

CLOUDS = frozenset({"aws", "azure", "gcp", "lambda", "nebius", "oci", "runpod", "vast", "verda"})
"""Providers of our prices that SkyPilot 0.14 knows under the same name."""


def notes(deployment: Deployment) -> tuple[str, ...]:
    """Return what the reader of a task must know besides, a line each."""
    offer = deployment.offer
    comments = [f"Priced as {offer.id}, tier {offer.tier}; SkyPilot takes the cheapest that fits."]
    comments += notes_on_queues(deployment)
    if offer.provider != "runpod":
        comments.append(f"SkyPilot's name may cover other boards; see that you get {offer.gpu}.")
    return tuple(comments)


def to_skypilot(deployment: Deployment) -> dict[str, Any]:
    """Return the task, as `sky serve up` takes it from the root of a checkout.

    Raises:
        InfeasibleError: SkyPilot does not rent from the provider, or the plan scales.
        UnknownNameError: Nobody has looked up what SkyPilot calls the GPU.
    """
    offer = deployment.offer
    if offer.provider not in CLOUDS:
        raise InfeasibleError(
            f"{offer.id} is rented from {offer.provider}, which SkyPilot does not know; choose an "
            f"offer of {', '.join(sorted(CLOUDS))} with --option."
        )
    if deployment.scaling is not None:
        raise InfeasibleError(
            "the plan scales with the images that wait, and SkyServe with requests per second; "
            "export it to kubernetes."
        )
    names = names_of(offer.gpu)
    gpu = names.runpod if offer.provider == "runpod" else names.skypilot
    resources: dict[str, Any] = {
        "infra": offer.provider,
        "accelerators": f"{gpu}:{offer.gpu_count}",
        "use_spot": offer.is_interruptible,
        "ports": PORT,
    }
    if deployment.server.image is not None:
        resources["image_id"] = f"docker:{deployment.server.image}"
    installed = (
        {} if deployment.server.image else {"workdir": ".", "setup": "pip install '.[serve]'"}
    )
    return {
        "name": deployment.name,
        "resources": resources,
        **installed,
        "run": shlex.join(deployment.command),
        "service": {
            "readiness_probe": {"path": "/healthz", "initial_delay_seconds": READY_WITHIN_S},
            "replica_policy": {
                "min_replicas": deployment.least,
                "max_replicas": deployment.instances,
            },
            "load_balancing_policy": "least_load",
        },
    }
