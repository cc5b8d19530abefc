"""An application that starts once its replicas are built, for what routes to it only then."""

import asyncio

import pytest

from fluxcost.capacity.fleet import Batching
from measure.errors import MeasurementError
from measure.serving.http_app import make_app
from measure.serving.image_requests import ServedModel
from measure.serving.image_service import ImageService, State
from tests.measure.serving.stub_server import SHAPE, STACK, Painter


def nothing() -> None:
    pass


def started(builder) -> State:
    offered = ServedModel("tiny", STACK, Batching(max_batch=2), 8, SHAPE, None)
    service = ImageService(offered, (builder,), None, print)
    app = make_app(service, nothing, built_first=True)

    async def run() -> State:
        async with app.router.lifespan_context(app):
            return service.state

    return asyncio.run(run())


def test_it_is_ready_once_it_has_started():
    assert started(Painter) is State.READY


def test_what_kept_a_replica_from_being_built_is_raised():
    def broken() -> Painter:
        raise MeasurementError("the weights do not behave")

    with pytest.raises(MeasurementError, match="the weights do not behave"):
        started(broken)
