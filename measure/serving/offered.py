"""What a server serves: a model, a stack, a batching policy, and shapes."""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.capacity.fleet import Batching
from fluxcost.performance.measured.identity import Stack
from fluxcost.workload import Shape
from measure.serving.ask import Ask
from measure.serving.order import RefusedError

MAX_PIXELS = 2048 * 2048
"""Of one image where no shapes are named: what FLUX.2 is made for."""

MAX_STEPS = 50
"""Of one image where no shapes are named; more would keep a replica from everyone else."""


@dataclass(frozen=True)
class Offered:
    """What is served and how.

    Attributes:
        model: Name of the model.
        stack: The optimization stack.
        batching: The policy; the simulator's.
        queue_limit: Images that may wait.
        default: Size and steps of a request that states none.
        shapes: The only shapes served; None for any within reason.
    """

    model: str
    stack: Stack
    batching: Batching
    queue_limit: int
    default: Shape
    shapes: tuple[Shape, ...] | None

    def shape_of(self, ask: Ask) -> Shape:
        """Return the shape that a request comes to.

        Raises:
            InputError: Its size cannot be.
            RefusedError: It is for a model or shape not served here.
        """
        if ask.model not in {None, self.model}:
            raise RefusedError(
                404,
                "model_not_found",
                f"model is {ask.model!r}; expected {self.model!r}, the one served here.",
            )
        shape = ask.shape(self.default)
        if self.shapes is None:
            if shape.pixels > MAX_PIXELS or shape.steps > MAX_STEPS:
                raise _not_served(
                    f"{shape} is too much for one request; expected at most {MAX_PIXELS} pixels "
                    f"and {MAX_STEPS} steps."
                )
        elif shape not in self.shapes:
            served = "; ".join(map(str, self.shapes))
            raise _not_served(f"{shape} is not served here; expected {served}.")
        return shape


def _not_served(message: str) -> RefusedError:
    return RefusedError(400, "shape_not_served", message)
