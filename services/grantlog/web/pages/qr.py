"""QR codes as SVG inside the page: no image to load, nothing that a Content-Security-Policy has to let through."""

import segno
from markupsafe import Markup


def qr_code(text: str, title: str) -> Markup:
    """The code as an ``svg`` element that says what it is; dark on light in either colour scheme."""
    svg = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", omitsize=True, title=title, svgclass="qr", lineclass=None
    )
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704  # made by segno from modules; the title is escaped by it
