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

# At 256 levels, smooth enough to be inpainted.
SLOPE = np.linspace(20, 230, 24)[:, None, None] + np.linspace(-20, 20, 24)[:, None] + np.array([0, 2, 4])
IMAGES = [np.rint(SLOPE + shift).astype(np.float32) / 255 for shift in (0, 3)]


def perfect(image, mask):
    """Returns the original of a damaged image: they differ in brightness alone."""
    return min(IMAGES, key=lambda original: np.median(abs(image - original)))


def missing(image, mask):
    raise UsageError("this needs the network derust")


def test_every_method_receives_the_same_damage():
    seen = {"a": [], "b": []}
    spies = {name: lambda p, m, calls=calls: calls.append((p, m)) or p for name, calls in seen.items()}
    benchmark.measure("holes", spies, IMAGES)
    for index, (first, second) in enumerate(zip(*seen.values(), strict=True)):
        for one, other, expected in zip(first, second, damage_image("holes", IMAGES[index], index), strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(one, expected)


def test_masks_are_dilated_as_requested_and_scored_in_full():
    seen = []
    rows, _ = benchmark.measure("holes", {"spy": lambda p, m: seen.append(m) or p}, IMAGES, dilation=2)
    exact, _ = benchmark.measure("holes", {}, IMAGES)
    for index, wide in enumerate(seen):
        mask = damage_image("holes", IMAGES[index], index)[1]
        expected = [np.roll(np.pad(mask[..., 0], 2), (i, j), (0, 1)) for i in range(-2, 3) for j in range(-2, 3)]
        np.testing.assert_array_equal(wide[..., 0], np.max(expected, 0)[2:-2, 2:-2])
    assert rows[INPUT]["psnr"] == exact[INPUT]["psnr"]
    # Around the damage the input is as it was.
    assert rows[INPUT]["masked_psnr"] > exact[INPUT]["masked_psnr"] + 0.5


def test_classical_rows_are_those_that_apply_and_a_perfect_method_exceeds_them():
    rows, left_out = benchmark.measure("holes", {"perfect": perfect}, IMAGES)
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
    cases = [benchmark.Case(IMAGES[0], IMAGES[0], mask)]
    (inside,) = benchmark.score_images(lambda image, mask: image + mask * 51 / 255, cases)
    (outside,) = benchmark.score_images(lambda image, mask: image * mask, cases)
    assert inside.masked_psnr == pytest.approx(20 * np.log10(5), abs=1e-3)
    assert inside.psnr == pytest.approx(20 * np.log10(5) + 10 * np.log10(16), abs=1e-3)
    assert outside.masked_psnr == np.inf
    assert inside.gradient_distance > 1 and outside.gradient_distance > 1
    assert outside.psnr < 10


def test_smooth_regions_are_inpainted_better_than_by_telea():
    case = benchmark.Case(IMAGES[0], *damage_image("holes", IMAGES[0], 0))
    telea = lambda image, mask: (
        cv2.inpaint(np.rint(image * 255).astype(np.uint8), mask.astype(np.uint8), 3, cv2.INPAINT_TELEA) / 255
    )
    biharmonic = partial(benchmark.apply_inpainting, filters.inpaint_biharmonic)
    (ours,), (theirs,) = (benchmark.score_images(method, [case]) for method in (biharmonic, telea))
    assert ours.masked_psnr > theirs.masked_psnr + 5 > 25


def test_means_leave_out_empty_masks_and_nothing_else():
    row = benchmark.mean([benchmark.Score(20, 0.5, np.nan, 9.0), benchmark.Score(30, 0.7, 12, 1.0, 4)])
    assert row == {"psnr": 25, "ssim": pytest.approx(0.6), "masked_psnr": 12, "gradient_distance": 4, "seconds": 5}
    assert "masked_psnr" not in benchmark.mean([benchmark.Score(20, 0.5, np.nan, 9.0)])


def test_a_missing_network_has_no_row_but_a_reason():
    found = benchmark.benchmark("holes", {"derust": missing, "perfect": perfect}, {"a": IMAGES, "b": IMAGES[:1]})
    json.dumps(found, allow_nan=False)
    assert found["score"] == "masked_psnr"
    first = found["sets"]["a"]
    assert first["pictures"] == 2
    assert first["missing"] == {"derust": "this needs the network derust"}
    assert "derust" not in first["rows"]
    assert first["rows"]["perfect"]["masked_psnr"] == "inf"
    lines = benchmark.as_text("holes", found).splitlines()
    assert lines[0].startswith("holes: holes filled with one gray")
    assert lines[1].split() == ["a", "(2)", "b", "(1)"]
    assert lines[2].split() == ["PSNR", "SSIM", "masked", "grad"] * 2
    assert next(line for line in lines if line.startswith("perfect")).split() == [
        "perfect",
        *["inf", "1.0000", "inf", "0.00"] * 2,
    ]
    assert lines[-1] == "left out: derust (a, b): this needs the network derust"


def test_a_method_missing_in_one_set_has_a_dash_there():
    sets = {
        "a": {"pictures": 1, "rows": {"x": {"psnr": 20.0}}, "missing": {}},
        "b": {"pictures": 1, "rows": {}, "missing": {"x": "no colours"}},
    }
    assert benchmark.table(sets, {"psnr": "PSNR"}, "rows")[-1].split() == ["x", "20.00", "–"]
    assert benchmark.missing_rows(sets) == ["left out: x (b): no colours"]


def test_undamaged_images_report_the_least_score():
    methods = {
        "first alone": lambda image, mask: image if image is IMAGES[0] else image + 51 / 255,
        "gone": missing,
    }
    found = benchmark.measure_undamaged(methods, {"a": IMAGES})
    json.dumps(found, allow_nan=False)
    row = found["a"]["rows"]["first alone"]
    assert row["median"] == "inf"
    assert row["least"] == pytest.approx(20 * np.log10(5), abs=1)
    text = benchmark.undamaged_as_text(found)
    assert text.splitlines()[0] == "undamaged images: PSNR of the restored ones"
    assert text.splitlines()[-1] == "left out: gone (a): this needs the network derust"
