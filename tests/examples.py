"""How many examples a property test draws: all with the long forms, a third in the short check."""

from hypothesis import settings

WHOLE = 100
"""Examples of a test that states no number, with the long forms."""

SHORT = 40
"""The same in the short check."""

FEWEST = 25


def examples(whole: int) -> int:
    """Return how many examples to draw of a test that draws `whole` with the long forms."""
    if settings().max_examples >= WHOLE:
        return whole
    return min(whole, max(FEWEST, whole // 3))
