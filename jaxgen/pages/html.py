"""The parts of an HTML page. Each function returns HTML; `document` puts parts together into one file.

Text is escaped. Pictures are inside the page, so that it can be moved and mailed.
"""

import base64
import re
from html import escape
from pathlib import Path

MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
"""Media type of a picture by its first bytes."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a66c2; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.9rem; margin: 1rem 0 .25rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; } figure { margin: 1rem 0; min-width: 0; }
figcaption { font-size: .9rem; opacity: .8; margin-top: .35rem; }
img { display: block; max-width: 100%; height: auto; }
img.pixels { image-rendering: pixelated; width: 100%; }
.row { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.row > * { min-width: 0; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, monospace; margin: .5rem 0; }
pre span { display: inline-block; }
.compare { --split: 50%; position: relative; overflow: hidden; border-radius: .3rem; touch-action: pan-y; }
.compare img { width: 100%; } .compare .after { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--split)); }
.compare .bar { position: absolute; top: 0; bottom: 0; left: var(--split); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 4px #000a; pointer-events: none; }
.compare .bar::after { content: "◂ ▸"; position: absolute; top: 50%; left: 50%; transform: translate(-50%, -50%);
  background: #fff; color: #222; border-radius: 1rem; padding: 0 .45rem; font-size: .8rem; line-height: 1.6rem;
  white-space: nowrap; }
.compare span { position: absolute; bottom: .5rem; background: #000a; color: #fff; font-size: .8rem;
  padding: .1rem .5rem; border-radius: .3rem; pointer-events: none; }
.compare .left { left: .5rem; } .compare .right { right: .5rem; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.compare input:focus-visible ~ .bar { background: var(--accent); }
"""


def document(title: str, *parts: str) -> str:
    """Returns a page.

    Args:
      title: of the window and the first heading.
      *parts: HTML, what the functions of this module return.
    """
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def heading(text: str) -> str:
    """Returns the heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Returns a paragraph."""
    return f"<p>{escape(text)}</p>"


def command(*lines: str) -> str:
    """Returns command lines, each as it is typed. A line breaks before an option, never between its hyphens."""
    text = re.sub(r"(?<= )--[^ ]+", r"<span>\g<0></span>", escape("\n".join(lines)))
    return f"<pre>{text}</pre>"


def row(*parts: str) -> str:
    """Returns parts side by side, as many as the window has room for."""
    return f'<div class="row">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def source(picture: Path | bytes) -> str:
    """Returns a picture as a URL that holds it.

    Args:
      picture: a PNG, JPEG or WebP file, or its bytes.
    Raises:
      ValueError: if it is of another format.
    """
    content = picture if isinstance(picture, bytes) else picture.read_bytes()
    for start, media_type in MEDIA_TYPES.items():
        if content.startswith(start):
            return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    raise ValueError("a page holds PNG, JPEG and WebP pictures")


def figure(picture: Path | bytes, caption: str, *, enlarged: bool = False) -> str:
    """Returns a picture with its caption.

    Args:
      picture: a file, or its bytes.
      caption: text under it.
      enlarged: whether it fills its column, with each pixel a sharp square.
    """
    kind = ' class="pixels"' if enlarged else ""
    image = f'<img{kind} src="{source(picture)}" alt="{escape(caption)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def compare(
    before: Path | bytes, after: Path | bytes, caption: str, labels: tuple[str, str] = ("before", "after")
) -> str:
    """Returns two pictures of equal size, one over the other, with a slider that uncovers one or the other.

    Args:
      before: shown on the left of the slider.
      after: shown on its right.
      caption: text under them.
      labels: words on the two sides.
    """
    left, right = map(escape, labels)
    parts = [
        f'<img src="{source(before)}" alt="{left}">',
        f'<img class="after" src="{source(after)}" alt="{right}">',
        f'<span class="left">{left}</span><span class="right">{right}</span>',
        f'<input type="range" min="0" max="100" step="0.1" value="50" aria-label="{left} or {right}"',
        " oninput=\"this.parentNode.style.setProperty('--split', this.value + '%')\">",
        '<div class="bar"></div>',
    ]
    return f'<figure><div class="compare">{"".join(parts)}</div><figcaption>{escape(caption)}</figcaption></figure>'
