import jax
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.evaluation import noise_estimation
from jaxgen.models.restoration.noise_estimator import NoiseEstimator
from jaxgen.restoration import pretrained
from jaxgen.runs import restorer_scoring


def spread(windows):
    """Stands for a network: the standard deviation of flat images."""
    return windows.std((1, 2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("flat")
    for index in range(2):
        Image.fromarray(np.full((128, 130), 120 + index, np.uint8)).save(path / f"{index}.png")
    return str(path)


def test_errors_of_the_noise_level_are_in_grey_levels(folder):
    evaluation = noise_estimation.evaluate(spread, (5.0, 30.0), [folder], ["gray8"])
    table = evaluation["levels"][folder]
    assert table["pictures"] == 2
    for sigma in (5, 30):
        # The deviation of 128² values is known to 1/√(2·128²) of itself.
        assert table["sigmas"][f"σ {sigma}"]["worst"] < sigma * 0.025


def test_the_bias_has_the_sign_of_the_error(folder):
    pictures = noise_estimation.read_images(folder, "gray8")
    low = noise_estimation.measure(lambda windows: np.full(len(windows), 20 / 255), 25.0, pictures)
    assert low == pytest.approx((-5, 5, 5), abs=1e-4)
    text = noise_estimation.to_text(
        {"protocol": "p", "levels": {"f": {"pictures": 2, "sigmas": {"σ 25": low._asdict()}}}}
    )
    assert text.splitlines()[2:] == [
        "f (2)            σ 25",
        "bias            -5.00",
        "mean |error|     5.00",
        "worst            5.00",
    ]


def test_a_noise_level_network_in_a_file_is_evaluated(folder, tmp_path):
    module = NoiseEstimator(depth=2, width=4)
    variables = module.init(jax.random.key(0), np.zeros((1, 16, 16, 1), np.float32), False)
    texts = dict(damage="noise", command="c", training="t", data="d", data_license="l", scores={})
    path = tmp_path / "level.safetensors"
    pretrained.write(path, variables, pretrained.make_card(module, "noise_level", None, **texts))
    evaluation = restorer_scoring.evaluate(path, [folder], sigmas=(5.0,))
    assert evaluation["network"] == str(path)
    assert "mean |error|" in restorer_scoring.to_text(evaluation)
    with pytest.raises(UsageError, match="2 protocols for 1 folders"):
        restorer_scoring.evaluate(path, [folder], sigmas=(5.0,), protocols=["rgb8", "gray8"])
