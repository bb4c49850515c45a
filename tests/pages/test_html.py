import base64
import re
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from jaxgen.pages import html


def png(color: int) -> bytes:
    content = BytesIO()
    Image.new("L", (4, 3), color).save(content, "png")
    return content.getvalue()


class Tags(HTMLParser):
    """Collects opened tags with their attributes, and fails on a tag that is closed out of order."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened, self.seen = [], []
        self.feed(page)
        assert not self.opened

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.seen if name == tag]


def page_of_everything() -> str:
    return html.document(
        "Title",
        html.heading("Section"),
        html.paragraph("Text."),
        html.command("jaxgen --help", "jaxgen --version"),
        html.row(html.figure(png(9), "A", enlarged=True), html.compare(png(0), png(255), "B")),
    )


def test_a_command_breaks_before_an_option_and_is_copied_as_it_is_typed():
    text = html.command("jaxgen restore 'a & b.jpg' --task denoise --out x--y")
    assert re.findall("<span>(.*?)</span>", text) == ["--task", "--out"]
    assert unescape(re.sub("<.*?>", "", text)) == "jaxgen restore 'a & b.jpg' --task denoise --out x--y"


def test_a_page_is_well_formed_and_needs_no_other_file():
    tags = Tags(page_of_everything())
    sources = [attributes["src"] for attributes in tags.of("img")]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not tags.of("link") and not tags.of("script")


def test_pictures_in_a_page_are_those_given():
    (source,) = re.findall('base64,([^"]*)', html.figure(png(77), "caption"))
    assert np.all(np.asarray(Image.open(BytesIO(base64.b64decode(source)))) == 77)


@pytest.mark.parametrize(
    "part",
    [
        html.heading,
        html.paragraph,
        html.command,
        lambda text: html.figure(png(0), text),
        lambda text: html.compare(png(0), png(0), text, (text, text)),
        html.document,
    ],
)
def test_text_is_escaped(part):
    page = part('<b>"&amp;')
    assert "<b>" not in page
    assert '"&amp;amp;' not in page.replace("&quot;", "'")
    Tags(page)


def test_a_picture_of_another_format_is_refused(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.bmp")
    with pytest.raises(ValueError, match="PNG, JPEG and WebP"):
        html.source(tmp_path / "a.bmp")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_picture_names_its_format(tmp_path, suffix):
    Image.new("RGB", (2, 2)).save(tmp_path / f"a.{suffix}")
    kind = {"jpg": "jpeg"}.get(suffix, suffix)
    assert html.source(tmp_path / f"a.{suffix}").startswith(f"data:image/{kind};base64,")
