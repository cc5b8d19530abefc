"""Links that leave docs/ find their file in a checkout and on the site."""

import pytest

from scripts.docs.links import leaving, turned


@pytest.mark.parametrize(
    ("page", "link", "path", "there"),
    [
        ("index.md", "../pricing/gpus/aws.yaml", "pricing/gpus/aws.yaml", "pricing/gpus/aws.yaml"),
        ("index.md", "../LICENSE", "LICENSE", "LICENSE"),
        ("howto/a.md", "../../examples/README.md", "examples/README.md", "examples/README.md.txt"),
    ],
)
def test_a_link_out_of_docs_is_turned_to_the_copy(page: str, link: str, path: str, there: str):
    up = "../" * page.count("/")
    assert leaving(f"see [this]({link}).", page) == {path}
    assert turned(f"see [this]({link}).", page) == f"see [this]({up}repository/{there})."


@pytest.mark.parametrize("link", ["../words.md", "../reference/prices.md#quote", "plan.md"])
def test_a_link_within_docs_stays(link: str):
    text = f"see [this]({link})."
    assert leaving(text, "tutorials/plan.md") == set()
    assert turned(text, "tutorials/plan.md") == text


def test_what_follows_the_path_of_a_link_stays():
    assert turned("[a](../README.md#known-boundaries)", "index.md").endswith(
        "README.md.txt#known-boundaries)"
    )
