"""Draws undamaged pictures with thin lines, spots, edges and flat areas, which detectors of damage may mistake for it.

Each kind is a function (NumPy generator, width, height) -> Pillow image. It draws at twice the size; `draw` halves it,
so that lines have soft edges as in a photograph.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXT = """light and shadow fall on paper in the quiet room where a window looks over water stones grass field river
evening walks along the harbor with boats nets ropes salt wind morning bread market voices children run up narrow
streets"""
WORDS = TEXT.split()
COLORS = ((214, 64, 52), (38, 84, 124), (240, 200, 66), (52, 120, 80), (20, 20, 24), (240, 236, 226), (120, 60, 120))

Draw = Callable[[np.random.Generator, int, int], Image.Image]


def gradient(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Returns a vertical gradient between two colors, as of a sky."""
    top, bottom = random.uniform(60, 250, 3), random.uniform(120, 255, 3)
    rows = np.linspace(0, 1, height)[:, None, None]
    return Image.fromarray(np.broadcast_to(top + rows * (bottom - top), (height, width, 3)).astype(np.uint8))


def texture(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Returns smooth color noise of several scales, as of an unsharp background."""
    total = np.zeros((height, width, 3))
    for cells in (3, 6, 12):
        small = random.normal(size=(cells, cells, 3)) / cells
        channels = [
            Image.fromarray(small[..., c].astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
            for c in range(3)
        ]
        total += np.stack([np.asarray(channel) for channel in channels], -1)
    total = (total - total.min()) / (total.max() - total.min())
    low, high = random.uniform(0, 120), random.uniform(150, 255)
    return Image.fromarray((low + total * (high - low)).astype(np.uint8))


def any_ground(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Returns a gradient or a texture."""
    return (gradient if random.random() < 0.5 else texture)(random, width, height)


def any_color(random: np.random.Generator, low: float = 0, high: float = 255) -> tuple[int, int, int]:
    """Returns a color with channels between two values."""
    red, green, blue = (int(value) for value in random.uniform(low, high, 3))
    return red, green, blue


def font(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Returns the font DejaVu Sans that comes with matplotlib."""
    from matplotlib import font_manager

    weight = "bold" if bold else "normal"
    return ImageFont.truetype(font_manager.findfont(f"DejaVu Sans:weight={weight}"), max(int(size), 8))


def curve(points: Sequence[tuple[float, float]], steps: int = 24) -> list[tuple[float, float]]:
    """Returns a Bézier curve of any degree as a polyline."""
    degree = len(points) - 1
    weights = [math.comb(degree, i) for i in range(degree + 1)]
    line = []
    for step in range(steps + 1):
        t = step / steps
        shares = [weights[i] * t**i * (1 - t) ** (degree - i) for i in range(degree + 1)]
        line.append(tuple(sum(s * point[axis] for s, point in zip(shares, points, strict=True)) for axis in (0, 1)))
    return line


def twigs(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws bare trees before a sky."""
    image = gradient(random, width, height)
    pen, color = ImageDraw.Draw(image), any_color(random, 0, 90)

    def branch(x: float, y: float, angle: float, length: float, thickness: float) -> None:
        if thickness < 0.7 or length < 6:
            return
        x1, y1 = x + length * math.cos(angle), y - length * math.sin(angle)
        pen.line([(x, y), (x1, y1)], color, max(1, round(thickness)))
        for _ in range(int(random.integers(2, 4))):
            turn, ratio = random.normal(0, 0.5), random.uniform(0.6, 0.85)
            branch(x1, y1, angle + turn, length * ratio, thickness * random.uniform(0.55, 0.75))

    for _ in range(int(random.integers(1, 4))):
        x = random.uniform(0, width)
        branch(
            x, height, math.pi / 2 + random.normal(0, 0.2), height * random.uniform(0.15, 0.3), random.uniform(6, 16)
        )
    return image


def hair(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws strands of hair or fur."""
    image = texture(random, width, height)
    pen, base = ImageDraw.Draw(image), random.uniform(20, 220, 3)
    for _ in range(int(random.integers(60, 500))):
        x, y = random.uniform(-0.2, 1.2) * width, random.uniform(-0.2, 0.6) * height
        points = [(x, y)]
        for _ in range(3):
            x, y = x + random.normal(0, 0.12) * width, y + random.uniform(0.1, 0.4) * height
            points.append((x, y))
        shade = tuple(int(value) for value in np.clip(base * random.uniform(0.5, 1.6), 0, 255))
        pen.line(curve(points), shade, int(random.integers(1, 4)))
    return image


def wires(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws sagging wires, masts and birds before a sky."""
    image = any_ground(random, width, height)
    pen, color = ImageDraw.Draw(image), any_color(random, 0, 80 if random.random() < 0.8 else 255)
    for _ in range(int(random.integers(1, 4))):
        x = random.uniform(0, width)
        pen.line(
            [(x, random.uniform(0, 0.4) * height), (x + random.normal(0, 4), height)],
            color,
            int(random.integers(4, 12)),
        )
    for _ in range(int(random.integers(2, 9))):
        y0, y1 = random.uniform(0, 0.8, 2) * height
        middle = (width * random.uniform(0.3, 0.7), max(y0, y1) + random.uniform(0, 0.3) * height)
        pen.line(curve([(-5, y0), middle, (width + 5, y1)], 60), color, int(random.integers(2, 5)))
    return image


def fence(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a chain-link fence or a fence of bars."""
    image = any_ground(random, width, height)
    pen, color, step = ImageDraw.Draw(image), any_color(random), int(random.integers(30, 90))
    thickness = int(random.integers(2, 6))
    if random.random() < 0.5:
        for x in range(-height, width + height, step):
            pen.line([(x, 0), (x + height, height)], color, thickness)
            pen.line([(x, 0), (x - height, height)], color, thickness)
    else:
        for x in range(0, width, step):
            pen.line([(x, 0.1 * height), (x, height)], color, thickness * 2)
        for y in random.uniform(0.1, 0.9, 2) * height:
            pen.line([(0, y), (width, y)], color, thickness * 2)
    return image


def lattice(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a window lattice, tiles with joints, or a cobweb."""
    image = any_ground(random, width, height)
    pen, color, thickness = ImageDraw.Draw(image), any_color(random), int(random.integers(2, 8))
    if random.random() < 0.65:
        for x in np.arange(random.uniform(0, 40), width, random.uniform(40, 140)):
            pen.line([(x, 0), (x, height)], color, thickness)
        for y in np.arange(random.uniform(0, 40), height, random.uniform(40, 140)):
            pen.line([(0, y), (width, y)], color, thickness)
        return image
    x, y = random.uniform(0.2, 0.8) * width, random.uniform(0.2, 0.8) * height
    angles = np.sort(random.uniform(0, 2 * math.pi, 14))
    for angle in angles:
        pen.line([(x, y), (x + 2 * width * math.cos(angle), y + 2 * width * math.sin(angle))], color, 2)
    for radius in np.arange(20, width, random.uniform(18, 40)):
        ring = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        pen.line([*ring, ring[0]], color, 2)
    return image


def stained_glass(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a leaded window: the Voronoi cells of random points, with dark borders."""
    points = random.uniform(0, 1, (int(random.integers(15, 60)), 2)) * (height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distances = np.stack([np.hypot(y - py, x - px) for py, px in points])
    nearest = np.argsort(distances, 0)[:2]
    first, second = np.take_along_axis(distances, nearest, 0)
    colors = random.uniform(30, 255, (len(points), 3))
    pixels = colors[nearest[0]] * random.uniform(0.9, 1.0, (height, width, 1)) ** 0.5
    pixels[second - first < random.uniform(4, 12)] = random.uniform(0, 60)
    return Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


def text(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a page of text."""
    image = Image.new("RGB", (width, height), any_color(random, 200, 255))
    pen, size = ImageDraw.Draw(image), random.uniform(16, 48)
    letters, y, color = font(size), size, any_color(random, 0, 90)
    while y < height - size:
        line = " ".join(random.choice(WORDS, 40))
        pen.text((size, y), line[: int(1.7 * width / size)], fill=color, font=letters)
        y += size * random.uniform(1.3, 1.5)
    return image


def screenshot(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws windows with title bars, buttons, lines of text and a chart."""
    is_dark = random.random() < 0.4
    image = Image.new("RGB", (width, height), any_color(random, 20, 60) if is_dark else any_color(random, 200, 250))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(-0.1, 0.5) * width, random.uniform(0, 0.5) * height
        w, h = random.uniform(0.4, 0.8) * width, random.uniform(0.4, 0.7) * height
        ground = any_color(random, 30, 60) if is_dark else any_color(random, 235, 255)
        ink = any_color(random, 190, 255) if is_dark else any_color(random, 0, 80)
        pen.rectangle([x, y, x + w, y + h], ground, any_color(random, 100, 160), 2)
        pen.rectangle([x, y, x + w, y + 30], any_color(random))
        for row in np.arange(y + 40, y + h - 24, 30):
            words = " ".join(random.choice(WORDS, int(random.integers(1, 7))))
            pen.text((x + 12, row), words[: int(w / 10)], fill=ink, font=font(16))
        chart = [(x + w * t, y + h * random.uniform(0.4, 0.95)) for t in np.linspace(0.5, 0.95, 12)]
        pen.line(chart, any_color(random), 3)
    return image


def line_drawing(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws curves, circles and hatching on paper."""
    image = Image.new("RGB", (width, height), any_color(random, 225, 255))
    pen, ink = ImageDraw.Draw(image), any_color(random, 0, 110)
    for _ in range(int(random.integers(4, 16))):
        points = [tuple(point) for point in random.uniform(0, 1, (4, 2)) * (width, height)]
        pen.line(curve(points, 50), ink, int(random.integers(2, 6)))
    for _ in range(int(random.integers(1, 6))):
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(15, 120)
        pen.ellipse([x - r, y - r, x + r, y + r], outline=ink, width=3)
    x, y = random.uniform(0, 0.7) * width, random.uniform(0, 0.7) * height
    for offset in range(0, int(random.integers(60, 200)), 9):
        pen.line([(x + offset, y), (x + offset - 40, y + 130)], ink, 2)
    return image


def night_sky(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws stars, some with a glow, and a dark horizon."""
    pixels = np.zeros((height, width, 3))
    pixels += np.linspace(5, random.uniform(10, 60), height)[:, None, None] * random.uniform(0.3, 1, 3)
    count = int(random.integers(100, 900))
    rows, columns = random.integers(0, height, count), random.integers(0, width, count)
    pixels[rows, columns] += random.exponential(400, (count, 1)) * random.uniform(0.7, 1, (count, 3))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    glow = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), float) * 2
    image = Image.fromarray(np.clip(np.asarray(image) + glow, 0, 255).astype(np.uint8))
    hills = [(x, height * random.uniform(0.8, 0.95)) for x in np.linspace(0, width, 9)]
    ImageDraw.Draw(image).polygon([(0, height), *hills, (width, height)], (4, 4, 8))
    return image


def snow(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws falling snow or rain before a background."""
    image = texture(random, width, height).point(lambda value: int(value * 0.7))
    pen, is_rain, slant = ImageDraw.Draw(image), random.random() < 0.35, random.normal(0, 8)
    for _ in range(int(random.integers(100, 500))):
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(1, 5)
        shade = (int(random.uniform(190, 255)),) * 3
        if is_rain:
            pen.line([(x, y), (x + slant, y + random.uniform(20, 60))], shade, 2)
        else:
            pen.ellipse([x - r, y - r, x + r, y + r], shade)
    return image


def poster(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a film poster: shapes of flat color, rays, a title and credits."""
    colors = [COLORS[i] for i in random.permutation(len(COLORS))]
    image = gradient(random, width, height) if random.random() < 0.4 else Image.new("RGB", (width, height), colors[0])
    pen = ImageDraw.Draw(image)
    x, y = random.uniform(0.3, 0.7) * width, random.uniform(0.3, 0.6) * height
    for angle in np.linspace(0, 2 * math.pi, 18, endpoint=False):
        ends = [(x + 2 * width * math.cos(angle + d), y + 2 * width * math.sin(angle + d)) for d in (0, 0.16)]
        if random.random() < 0.7:
            pen.polygon([(x, y), *ends], colors[1])
    r = random.uniform(0.1, 0.3) * width
    pen.ellipse([x - r, y - r, x + r, y + r], colors[2])
    pen.rectangle([0, 0.72 * height, width, height], colors[3])
    title = " ".join(random.choice(WORDS, 2)).upper()
    pen.text((0.06 * width, 0.75 * height), title, fill=colors[4], font=font(width / 14, bold=True))
    pen.text((0.06 * width, 0.9 * height), " ".join(random.choice(WORDS, 12)), fill=colors[5], font=font(width / 40))
    return image


STRUCTURES = (twigs, hair, wires, fence, lattice, stained_glass)
SURFACES = (text, screenshot, line_drawing, night_sky, snow, poster)
DRAWINGS: dict[str, Draw] = {function.__name__: function for function in (*STRUCTURES, *SURFACES)}


def draw(kind: str, seed: int, width: int = 384, height: int = 288) -> Image.Image:
    """Returns a drawing of a kind of `DRAWINGS`, the same for the same seed."""
    random = np.random.default_rng([seed, list(DRAWINGS).index(kind)])
    return DRAWINGS[kind](random, 2 * width, 2 * height).resize((width, height), Image.Resampling.BOX)
