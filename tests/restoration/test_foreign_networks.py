"""Networks in files from elsewhere: whatever their cards say, one line, and nothing of that size is made."""

import json
import math

import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.restoration import pretrained
from jaxgen.restoration.pretrained import checks
from jaxgen.restoration.restorer import NetworkSpec

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def file(tmp_path, draw):
    """A small network with its card."""
    module = ResidualUNet((4,), 1, channels=1)
    texts = {"damage": "noise", "command": "c", "training": "t", "data": "d", "data_license": "l", "scores": {}}
    card = pretrained.make_card(module, "image", NetworkSpec(1, "noise_level", 5, 1, 1.0, 1), **texts)
    pretrained.write(tmp_path / "small.safetensors", draw(module, (1, 8, 8, 2)), card)
    return tmp_path / "small.safetensors"


def rewritten(file, arrays=lambda flat: flat, **texts):
    """Returns the path of a copy of a network with other arrays, or other texts in its card."""
    variables, metadata = weights.read(file)
    path = file.with_name("other.safetensors")
    weights.write(path, unflatten_dict(arrays(flatten_dict(variables, sep="/")), sep="/"), metadata | texts)
    return str(path)


def with_values(file, part, **values):
    """Returns the path of a copy of a network with other values in the fields or the spec of its card."""
    return rewritten(file, **{part: json.dumps(json.loads(weights.read_metadata(file)[part]) | values)})


def test_a_card_without_images_is_no_restorer(file):
    path = rewritten(file, spec="null")
    assert pretrained.read(path)[1].spec is None
    with pytest.raises(UsageError, match="does not say which images it takes"):
        pretrained.load_restorer(path)


def test_the_file_itself_is_read(file):
    assert pretrained.read(str(file))[1].spec.channels == 1


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("spec", {"receptive_field_radius": math.nan}),
        ("spec", {"receptive_field_radius": -5}),
        ("spec", {"channels": "1"}),
        ("spec", {"channels": True}),
        ("spec", {"channels": 10**9}),
        ("spec", {"size_multiple": 0}),
        ("spec", {"scale": 10**9}),
        ("spec", {"multiply_adds_per_pixel": math.inf}),
        ("spec", {"max_untiled_pixels": -1}),
        ("spec", {"conditioning": "magic"}),
        ("spec", {"conditioning": []}),
        ("spec", {"nosuch": 1}),
        ("fields", {"nosuch": 1}),
        ("fields", {"name": "x"}),
        ("fields", {"dtype": "object"}),
        ("fields", {"blocks": 10**9}),
        ("fields", {"blocks": math.nan}),
        ("fields", {"blocks": {}}),
        ("fields", {"widths": [[4]]}),
    ],
)
def test_a_value_that_no_network_has_is_named(file, part, values):
    path = with_values(file, part, **values)
    with pytest.raises(UsageError, match=rf"the card of .*other\.safetensors does not fit.*{next(iter(values))}"):
        pretrained.read_card(path)


@pytest.mark.parametrize(
    "texts",
    [
        {"output": "magic"},
        {"output": "noise_level"},
        {"spec": "[1]"},
        {"spec": "{"},
        {"spec": DEEP},
        {"fields": "[]"},
        {"fields": DEEP},
        {"scores": "3"},
        {"scores": "[]"},
    ],
)
def test_a_card_that_is_none_is_one_line(file, texts):
    with pytest.raises(UsageError, match=r"the card of .*other\.safetensors does not fit") as error:
        pretrained.read_card(rewritten(file, **texts))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, x: {}, "{} is missing"),
        (lambda name, x: {name: x, "params/nosuch": x}, "has no params/nosuch"),
        (lambda name, x: {name: x.reshape(-1)}, r"{} is float32\[\d+\] and not"),
        (lambda name, x: {name: x.astype(np.int32)}, "{} is int32"),
        (lambda name, x: {name: x * np.float32("nan")}, "{} has values that are NaN"),
    ],
)
def test_arrays_that_are_not_those_of_the_card_are_named(file, change, message):
    name = next(name for name, x in flatten_dict(weights.read(file)[0], sep="/").items() if x.ndim == 4)
    replaced = lambda flat: {key: x for key, x in flat.items() if key != name} | change(name, flat[name])
    with pytest.raises(UsageError, match=message.replace("{}", name)):
        pretrained.read(rewritten(file, replaced))


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("spec", {"channels": 3}, r"output .* is \(1, 64, 64, 1\) and not \(1, 64, 64, 3\)"),
        ("spec", {"scale": 2}, r"is \(1, 64, 64, 1\) and not \(1, 128, 128, 1\)"),
        ("spec", {"conditioning": "none"}, "params/.* is float32"),
        ("fields", {"widths": [8]}, "params/.* is float32"),
        ("fields", {"widths": [10_000]}, "params/.* is float32"),
        ("fields", {"widths": []}, "describes no network"),
        ("fields", {"blocks": 3}, "is missing"),
        ("fields", {"widths": "wide"}, "describes no network"),
    ],
)
def test_a_card_of_another_network_is_named(file, part, values, message):
    with pytest.raises(UsageError, match=message) as error:
        pretrained.read(with_values(file, part, **values))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_the_shipped_networks_pass_the_same_check(name):
    variables, card = pretrained.read(name)
    checks.check_network(pretrained.find(name), card, variables)
