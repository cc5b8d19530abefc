"""An application that starts once its replicas are built, for what routes to it only then."""

import asyncio

import pytest

from fluxcost.capacity.fleet import Batching
from measure.errors import MeasurementError
from measure.serving.app import make_app
from measure.serving.offered import Offered
from measure.serving.service import Service, State
from tests.measure.serving.served import SHAPE, STACK, Painter


def nothing() -> None:
    pass


def started(builder) -> State:
    offered = Offered("tiny", STACK, Batching(max_batch=2), 8, SHAPE, None)
    service = Service(offered, (builder,), None, print)
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
