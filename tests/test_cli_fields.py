"""`fluxcost fields` against the record that reads the file."""

import json

from fluxcost.workload.constraints import Constraints, Objective
from fluxcost.workload.workload import Workload
from tests.commands import shown


def test_every_field_stands_once_with_its_own_description(capsys):
    lines = shown(capsys, "fields").splitlines()
    for name, record in (("", Workload), ("constraints.", Constraints), ("objective.", Objective)):
        for field, held in record.model_fields.items():
            (line,) = (each for each in lines if each.split()[:1] == [f"{name}{field}"])
            assert (held.description or "") in line
            assert ("yes" in line.split()[1:2]) == held.is_required()


def test_its_json_is_the_schema(capsys):
    assert json.loads(shown(capsys, "fields", "--json")) == Workload.model_json_schema()
