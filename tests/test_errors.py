import inspect

import pytest

from fluxcost import errors
from fluxcost.errors import FluxcostError, UnknownNameError
from fluxcost.estimate import Estimate, Source, UntrustworthyError


def test_every_error_is_in_the_tree_at_the_top_of_the_file():
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass)]
    raised = [item for item in classes if issubclass(item, Exception)]
    assert errors.__doc__ is not None
    assert all(item.__name__ in errors.__doc__ for item in raised)
    assert all(issubclass(item, FluxcostError) for item in raised)


def test_an_unknown_name_carries_the_nearest_ones():
    known = ["runpod/h100-sxm-secure", "runpod/h200-secure", "lambda/1x-h100-sxm"]
    error = UnknownNameError("offer", "runpod/h100-sxm-secur", known)
    assert error.nearest[0] == "runpod/h100-sxm-secure"
    assert str(error).startswith("offer 'runpod/h100-sxm-secur' is not known among 3; nearest: ")


def test_an_unknown_name_unlike_any_says_so():
    assert str(UnknownNameError("model", "qqq", ["flux2"])) == (
        "model 'qqq' is not known among 1; expected one of flux2."
    )
    many = [f"flux{number}" for number in range(13)]
    assert str(UnknownNameError("model", "qqq", many)) == (
        "model 'qqq' is not known among 13; none is similar."
    )


def test_an_untrustworthy_error_carries_its_estimate():
    estimate = Estimate.exact(1.0, "s", Source.ASSUMED, "typed in")
    with pytest.raises(UntrustworthyError, match="too wide") as caught:
        raise UntrustworthyError("too wide", estimate)
    assert caught.value.estimate is estimate
