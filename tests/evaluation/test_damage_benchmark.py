import json
from functools import partial

import cv2
import numpy as np
import pytest

from jaxgen import filters
from jaxgen.errors import UsageError
from jaxgen.evaluation import damage_benchmark as benchmark
from jaxgen.evaluation.damages import damage_image
from jaxgen.evaluation.restoration import BASELINES, INPUT

# At 256 levels, smooth enough to be filled.
SLOPE = np.linspace(20, 230, 24)[:, None, None] + np.linspace(-20, 20, 24)[:, None] + np.array([0, 2, 4])
PICTURES = [np.rint(SLOPE + shift).astype(np.float32) / 255 for shift in (0, 3)]


def perfect(picture, mask):
    """Whichever of the pictures it is: they differ in brightness alone."""
    return min(PICTURES, key=lambda original: np.median(abs(picture - original)))


def missing(picture, mask):
    raise UsageError("this needs the network derust")


def test_every_way_meets_the_same_damage():
    seen = {"a": [], "b": []}
    spies = {name: lambda p, m, kept=kept: kept.append((p, m)) or p for name, kept in seen.items()}
    benchmark.measure("holes", spies, PICTURES)
    for index, (first, second) in enumerate(zip(*seen.values(), strict=True)):
        for one, other, expected in zip(first, second, damage_image("holes", PICTURES[index], index), strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(one, expected)


def test_masks_reach_beyond_the_damage_as_far_as_asked_and_all_of_that_is_judged():
    seen = []
    rows, _ = benchmark.measure("holes", {"spy": lambda p, m: seen.append(m) or p}, PICTURES, dilation=2)
    exact, _ = benchmark.measure("holes", {}, PICTURES)
    for index, wide in enumerate(seen):
        mask = damage_image("holes", PICTURES[index], index)[1]
        expected = [np.roll(np.pad(mask[..., 0], 2), (i, j), (0, 1)) for i in range(-2, 3) for j in range(-2, 3)]
        np.testing.assert_array_equal(wide[..., 0], np.max(expected, 0)[2:-2, 2:-2])
    assert rows[INPUT]["psnr"] == exact[INPUT]["psnr"]
    # Around the damage the input is as it was.
    assert rows[INPUT]["masked_psnr"] > exact[INPUT]["masked_psnr"] + 0.5


def test_rows_are_classical_where_they_apply_and_a_perfect_way_is_beyond_them():
    rows, left_out = benchmark.measure("holes", {"perfect": perfect}, PICTURES)
    assert list(rows) == [INPUT, *BASELINES, benchmark.BIHARMONIC, benchmark.PULL_PUSH, benchmark.RELAXED, "perfect"]
    assert not left_out
    assert rows["perfect"]["psnr"] == rows["perfect"]["masked_psnr"] == np.inf
    assert rows["perfect"]["ssim"] == pytest.approx(1, abs=1e-6)
    for filling in (benchmark.BIHARMONIC, benchmark.PULL_PUSH, benchmark.RELAXED):
        assert rows[filling]["masked_psnr"] > rows[INPUT]["masked_psnr"] + 10
    best, gained = benchmark.gains("holes", rows)
    assert best == max(benchmark.classical_methods("holes"), key=lambda row: rows[row]["masked_psnr"])
    assert gained == {"perfect": {"over_classical": np.inf, "over_input": np.inf}}
    assert benchmark.DARK_CHANNEL in benchmark.classical_methods("haze")
    assert benchmark.BIHARMONIC not in benchmark.classical_methods("haze")


def test_the_masked_score_counts_hidden_pixels_alone():
    mask = np.zeros((24, 24, 1), np.float32)
    mask[:6, :6] = 1
    cases = [benchmark.Case(PICTURES[0], PICTURES[0], mask)]
    (inside,) = benchmark.score_images(lambda picture, mask: picture + mask * 51 / 255, cases)
    (outside,) = benchmark.score_images(lambda picture, mask: picture * mask, cases)
    assert inside.masked_psnr == pytest.approx(20 * np.log10(5), abs=1e-3)
    assert inside.psnr == pytest.approx(20 * np.log10(5) + 10 * np.log10(16), abs=1e-3)
    assert outside.masked_psnr == np.inf
    assert outside.psnr < 10


def test_smooth_places_are_filled_better_than_by_telea():
    case = benchmark.Case(PICTURES[0], *damage_image("holes", PICTURES[0], 0))
    telea = lambda picture, mask: (
        cv2.inpaint(np.rint(picture * 255).astype(np.uint8), mask.astype(np.uint8), 3, cv2.INPAINT_TELEA) / 255
    )
    biharmonic = partial(benchmark.apply_inpainting, filters.inpaint_biharmonic)
    (ours,), (theirs,) = (benchmark.score_images(way, [case]) for way in (biharmonic, telea))
    assert ours.masked_psnr > theirs.masked_psnr + 5 > 25


def test_means_leave_out_empty_masks_and_nothing_else():
    row = benchmark.mean([benchmark.Score(20, 0.5, np.nan, 9.0), benchmark.Score(30, 0.7, 12, 1.0)])
    assert row == {"psnr": 25, "ssim": pytest.approx(0.6), "masked_psnr": 12, "seconds": 5}
    assert "masked_psnr" not in benchmark.mean([benchmark.Score(20, 0.5, np.nan, 9.0)])


def test_a_missing_network_leaves_its_row_out_and_says_so():
    found = benchmark.benchmark("holes", {"derust": missing, "perfect": perfect}, {"a": PICTURES, "b": PICTURES[:1]})
    json.dumps(found, allow_nan=False)
    assert found["score"] == "masked_psnr"
    told = found["sets"]["a"]
    assert told["pictures"] == 2
    assert told["missing"] == {"derust": "this needs the network derust"}
    assert "derust" not in told["rows"]
    assert told["rows"]["perfect"]["masked_psnr"] == "inf"
    lines = benchmark.as_text("holes", found).splitlines()
    assert lines[0].startswith("holes: holes filled with one gray")
    assert lines[1].split() == ["a", "(2)", "b", "(1)"]
    assert lines[2].split() == ["PSNR", "SSIM", "masked"] * 2
    assert next(line for line in lines if line.startswith("perfect")).split() == [
        "perfect",
        *["inf", "1.0000", "inf"] * 2,
    ]
    assert lines[-1] == "left out: derust (a, b): this needs the network derust"


def test_a_way_that_is_missing_in_one_set_alone_has_a_dash_there():
    sets = {
        "a": {"pictures": 1, "rows": {"x": {"psnr": 20.0}}, "missing": {}},
        "b": {"pictures": 1, "rows": {}, "missing": {"x": "no colours"}},
    }
    assert benchmark.table(sets, {"psnr": "PSNR"}, "rows")[-1].split() == ["x", "20.00", "–"]
    assert benchmark.missing_rows(sets) == ["left out: x (b): no colours"]


def test_undamaged_pictures_are_judged_by_the_worst():
    ways = {
        "first alone": lambda picture, mask: picture if picture is PICTURES[0] else picture + 51 / 255,
        "gone": missing,
    }
    found = benchmark.measure_undamaged(ways, {"a": PICTURES})
    json.dumps(found, allow_nan=False)
    row = found["a"]["rows"]["first alone"]
    assert row["median"] == "inf"
    assert row["least"] == pytest.approx(20 * np.log10(5), abs=1)
    text = benchmark.undamaged_as_text(found)
    assert text.splitlines()[0] == "undamaged images: PSNR of the restored ones"
    assert text.splitlines()[-1] == "left out: gone (a): this needs the network derust"
