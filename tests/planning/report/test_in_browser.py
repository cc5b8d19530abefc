"""The page in a real browser, with no network: readable on a phone, in light and in dark."""

from pathlib import Path

from tests.dashboard.test_browser import PATIENCE_MS, browser_of
from tests.planning.report.made import asked, made

CONTRAST = """() => {
  const lum = text => {
    const part = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const page = lum(getComputedStyle(document.body).backgroundColor);
  const ratio = element => {
    const own = lum(getComputedStyle(element)[element.closest('svg') ? 'fill' : 'color']);
    return (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
  };
  const read = 'p, td, dt, dd, li, h1, h2, a, summary, svg text';
  return Math.min(...[...document.querySelectorAll(read)].map(ratio));
}"""
"""The least contrast of any text with the page; WCAG 2.2 asks for 4.5."""


def test_it_reads_on_a_phone_and_a_desk_in_both_schemes(tmp_path: Path):
    path = tmp_path / "plan.html"
    made(asked()).save(path)
    with browser_of() as browser:
        page = browser.new_context(offline=True).new_page()
        page.set_default_timeout(PATIENCE_MS)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        for width, scheme in ((390, "light"), (1280, "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRAST) >= 4.5
        assert said == []
