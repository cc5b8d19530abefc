"""A file's version is a whole number that its writer wrote."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fluxcost import load_extras, load_quality, load_use, load_workload
from fluxcost.errors import DocumentError, FormatVersionError
from fluxcost.performance.architecture import load_architecture
from fluxcost.validation.claims.audit_file import read_audit_file


@pytest.mark.parametrize("version", ["true", "1.0", "0", "-1", "'1'", "null", "[1]"])
@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("fluxcost-workload", load_workload),
        ("fluxcost-use", load_use),
        ("fluxcost-extras", load_extras),
        ("fluxcost-quality", load_quality),
        ("fluxcost-architecture", load_architecture),
        ("fluxcost-audit", read_audit_file),
    ],
)
def test_a_version_that_is_no_whole_number_is_refused(
    tmp_path: Path, kind: str, read: Callable[[Path], object], version: str
):
    path = tmp_path / "mine.yaml"
    path.write_text(f"format: {kind}\nversion: {version}\n")
    told = repr(yaml.safe_load(version))
    with pytest.raises(DocumentError) as error:
        read(path)
    assert str(error.value) == (f"{path}: version is {told}; expected a whole number from 1 to 1.")


def test_a_version_that_python_will_not_print_is_refused(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"format: fluxcost-workload\nversion: 0x{'f' * 5000}\n")
    with pytest.raises(FormatVersionError, match="version is a int of too many digits to show;"):
        load_workload(path)
