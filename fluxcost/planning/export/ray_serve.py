"""A plan as the config of a Ray Serve application, a Ray replica a GPU."""

from __future__ import annotations

from typing import Any

from fluxcost.errors import InfeasibleError
from fluxcost.planning.export.deployment import ANY_NUMBER, PORT, Deployment, names_of

APPLICATION = "measure.serving.ray_app:build"
DEPLOYMENT = "Images"
"""Name of the class that the application is built of."""

CALLS_AHEAD = 2
"""Calls whose requests a replica holds: the one being made and the next.

All others wait where every replica can take them, as the plan assumes.
"""

FINISH_WITHIN_S = 120
"""How long a replica that is to go may answer what it has accepted."""


def notes(deployment: Deployment) -> tuple[str, ...]:
    """Return what the reader of a config must know besides, a line each."""
    return (
        f"Priced as {deployment.offer.id}; Ray runs on the instances of your cluster.",
        "Where fluxcost[ray] is installed, or in the root of a checkout: serve run THIS_FILE",
    )


def to_ray_serve(deployment: Deployment) -> dict[str, Any]:
    """Return the config, as `serve run` and `serve deploy` of Ray 2.60 take it.

    Raises:
        InfeasibleError: The plan scales.
        UnknownNameError: Nobody has looked up what Ray calls the GPU.
    """
    if deployment.scaling is not None:
        raise InfeasibleError(
            "the plan scales with the images that wait, and Ray Serve with requests in progress; "
            "export it to kubernetes."
        )
    replicas = deployment.instances * deployment.offer.gpu_count
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": PORT},  # noqa: S104 - a cluster's own network
        "applications": [
            {
                "name": deployment.name,
                "route_prefix": "/",
                "import_path": APPLICATION,
                "args": _arguments(deployment),
                "deployments": [
                    {
                        "name": DEPLOYMENT,
                        "num_replicas": replicas,
                        "max_ongoing_requests": _ahead(deployment),
                        **_queue(deployment, replicas),
                        "graceful_shutdown_timeout_s": FINISH_WITHIN_S,
                        "ray_actor_options": {
                            "num_gpus": 1,
                            "accelerator_type": names_of(deployment.offer.gpu).ray,
                        },
                    }
                ],
            }
        ],
    }


def _arguments(deployment: Deployment) -> dict[str, Any]:
    server, batching = deployment.server, deployment.batching
    weights = {} if server.weights is None else {"weights": server.weights}
    return {
        "model": deployment.model,
        "stack": deployment.stack,
        **weights,
        "max_batch": batching.max_batch,
        "max_wait_s": batching.max_wait_s,
        # Ray bounds the requests that wait; what a replica was given it takes.
        "queue_limit": ANY_NUMBER,
        "warm": list(deployment.warm),
    }


def _ahead(deployment: Deployment) -> int:
    images = CALLS_AHEAD * deployment.batching.max_batch
    return max(CALLS_AHEAD, -(-images // deployment.images_per_request))


def _queue(deployment: Deployment, replicas: int) -> dict[str, Any]:
    """Return the bound on requests that wait in Ray: the plan's, less those that replicas hold."""
    if deployment.queue_limit is None:
        return {}
    held = replicas * (_ahead(deployment) // CALLS_AHEAD)
    waiting = deployment.queue_limit // deployment.images_per_request - held
    return {"max_queued_requests": max(1, waiting), "backpressure_config": {"status_code": 429}}
