"""Take the pictures of pages that the documentation shows: python -m scripts.page_pictures.

Each page as its address opens it, at 1280 pixels in the light scheme, all of it, as the browser
tests see it. Colors are kept to 256, which a page hardly has more of, and quarters the files.
"""

from pathlib import Path

from PIL import Image

from tests.dashboard.test_browser import PATHS, SHOTS, Seen, browser_of, served

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = ("what_if", "break_even", "capacity")


def main() -> None:
    """Write the pictures."""
    with served() as address, browser_of() as browser:
        for name in SHOWN:
            tab = Seen(browser)
            tab.open(f"{address}/{PATHS[name]}")
            tab.shoot(name)
            tab.context.close()
            page = Image.open(SHOTS / f"{name}.png").convert("RGB")
            small = page.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            small.save(IMAGES / f"{name.replace('_', '-')}.png", optimize=True)


if __name__ == "__main__":
    main()
