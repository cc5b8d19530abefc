"""The application that `fluxcost export --to ray-serve` names: a server in a Ray replica.

Ray starts replicas on GPUs, spreads requests over them and restarts what fails. Batching remains
this server's. `ray.serve.batch` (2.60) closes a batch once its first item has waited
long enough, even while the GPU is busy, so that without a wait nearly every call makes one image
however many stand in line; the plan counts on calls that take what waits when the GPU is free.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from ray import serve

from measure.serving.http_app import make_app
from measure.serving.image_service import ImageService, State
from measure.serving.server import Pipelines, prepare_service

_log = logging.getLogger("ray.serve")


def _nothing_to_stop() -> None:
    """Ray ends its replicas itself."""


class Images:
    """One Ray replica; its GPUs are what Ray gives it."""

    def __init__(self, asked: Pipelines) -> None:
        offered, builders = prepare_service(asked, _log.info)
        self._service = ImageService(offered, builders, None, _log.info)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return what answers; Ray counts the replica as running once its pipeline is built."""
        return make_app(self._service, _nothing_to_stop, built_first=True)

    def check_health(self) -> None:
        """Let Ray start another replica where calls break one after another.

        Raises:
            RuntimeError: They do.
        """
        if self._service.state is State.FAILING:
            raise RuntimeError("calls of this replica fail one after another.")


def build(arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - Ray's type of an application
    """Return the application for the `args` of an exported file.

    Raises:
        InputError: They are not what `python -m measure serve` takes.
    """
    deployment = serve.deployment(serve.ingress()(Images), name=Images.__name__)
    return deployment.bind(Pipelines.parse(arguments, "args of the application"))
