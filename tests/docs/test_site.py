"""The pages written from code hold all of it: every public name, command and field."""

import re

import pytest
import yaml

import fluxcost as fc
import measure.cli
from fluxcost.cli.app import app
from fluxcost.economics.extras import Extras
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_files import OF_THE_FILE
from fluxcost.economics.tariffs import Tariff
from fluxcost.economics.usage.use_file import UseFile
from fluxcost.json_answers import SOURCES
from fluxcost.workload.constraints import Constraints
from fluxcost.workload.workload import Workload
from scripts.docs.commands import command_page
from scripts.docs.formats import answer_page, price_page, use_page, workload_page
from scripts.docs.reference import reference_pages
from scripts.docs.running import ROOT


def test_every_public_name_stands_once():
    text = "\n".join(reference_pages().values())
    assert sorted(re.findall(r"^::: fluxcost\.(\w+)$", text, re.MULTILINE)) == sorted(fc.__all__)


def test_every_command_has_its_help():
    page = command_page()
    for program in ("fluxcost", "python -m measure"):
        commands = app if program == "fluxcost" else measure.cli.app
        for each in commands.registered_commands:
            assert each.callback is not None
            assert f"## {program} {each.name or each.callback.__name__}\n" in page
    assert page.count("Usage: ") == page.count("\n## ")
    assert "--max-usd-per-image" in page


def test_every_format_of_an_answer_is_listed():
    for kind in SOURCES:
        assert f"| `fluxcost-{kind}` | " in answer_page()


@pytest.mark.parametrize(
    ("page", "record"),
    [
        (workload_page(), Workload),
        (workload_page(), Constraints),
        (price_page(), Offer),
        (price_page(), Tariff),
        (use_page(), UseFile),
        (use_page(), Extras),
    ],
)
def test_every_field_of_a_file_is_listed(page: str, record: type[Workload]):
    for field in set(record.model_fields) - set(OF_THE_FILE):
        assert f"| `{field}` |" in page


def test_links_of_a_page_of_fields_lead_to_its_sections():
    for page in (workload_page(), price_page(), use_page()):
        sections = {title.lower() for title in re.findall(r"^##+ (\w+)$", page, re.MULTILINE)}
        assert set(re.findall(r"\]\(#(\w+)\)", page)) <= sections


def test_nothing_is_fetched_when_a_page_is_opened():
    text = re.sub(
        r"^ +- scripts.*$", "", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE
    )
    settings = yaml.safe_load(text)
    assert settings["theme"]["font"] is False
    assert "extra_javascript" not in settings
