import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import report
from jaxgen.evaluation.features import Extractor, dataset_batches, extract, sample_batches

DIGITS = data.Config(name="digits", size=8, channels=1)


def look(images):
    """Returns 4×4 averages as features, and three shares of ink as probabilities."""
    features = images.reshape(len(images), 4, 2, 4, 2).mean((2, 4)).reshape(len(images), 16)
    return features, jax.nn.softmax(4 * features[:, :3])


EXTRACTOR = Extractor(
    name="averages", prefix="c", sha256="00", features=look, resize="none", batch=100, modes=0, read=None
)
REAL = np.asarray(data.load(DIGITS).batch(0, 0, 1437)["image"])


def sample_real(variables, key, count):
    """A generator that remembers: real images, drawn with replacement."""
    return variables["images"][jax.random.randint(key, (count,), 0, len(variables["images"]))]


def sample_noise(variables, key, count):
    return jax.random.uniform(key, (count, 8, 8, 1))


@pytest.fixture(scope="module")
def found():
    variables = {"images": jnp.asarray(REAL)}
    return report.evaluate(EXTRACTOR, DIGITS, sample_real, variables, count=300, seed=3)


def test_a_generator_that_copies_scores_as_the_floor_does(found):
    assert found["scores"]["cfid"] < 2 * found["floor"]["cfid"] + 0.05
    assert found["scores"]["precision"] > 0.9
    noise = report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=300)
    assert noise["scores"]["cfid"] > 5 * found["scores"]["cfid"]
    assert noise["scores"]["recall"] < 0.2


def test_what_a_classifier_gives_is_never_called_fid(found):
    assert {"cfid", "ckid", "cinception_score"} < found["scores"].keys()
    assert not {"fid", "kid", "inception_score"} & found["scores"].keys()
    assert found["floor"].keys() == found["scores"].keys()


def test_the_protocol_tells_what_two_scores_must_share(found):
    assert found["protocol"] == {
        "extractor": "averages",
        "sha256": "00",
        "resize": "none",
        "data": "digits",
        "reference": "test",
        "real": 300,
        "generated": 300,
        "floor": "300 of train",
        "ema": True,
        "seed": 3,
    }


def test_the_same_seed_gives_the_same_scores_and_another_others(found):
    variables = {"images": jnp.asarray(REAL)}
    again, other = (
        report.evaluate(EXTRACTOR, DIGITS, sample_real, variables, count=300, seed=seed)["scores"] for seed in (3, 4)
    )
    assert again == found["scores"]
    assert other["cfid"] != found["scores"]["cfid"]


def test_a_person_reads_every_score_beside_its_floor(found):
    text = report.as_text(found)
    assert all(name in text for name in (*found["scores"], *found["protocol"]))


def test_fewer_images_than_features_are_refused():
    with pytest.raises(UsageError, match=r"16 test images for 16 features: .* at least 17"):
        report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=16)


def test_features_that_are_not_finite_name_their_batch():
    broken = iter([jnp.zeros((5, 8, 8, 1)), jnp.full((5, 8, 8, 1), jnp.nan)])
    with pytest.raises(ValueError, match="batch 1"):
        extract(EXTRACTOR, broken)


def test_batches_are_the_images_once_each_whatever_their_size():
    dataset = data.load(DIGITS)
    for batch in (100, 64):
        images = np.concatenate(list(dataset_batches(dataset, 1437, batch)))
        ours = np.sort(images.reshape(len(images), -1), axis=0)
        np.testing.assert_array_equal(ours, np.sort(REAL.reshape(len(REAL), -1), axis=0))


def test_as_many_images_are_generated_as_are_asked_for():
    images = np.concatenate(list(sample_batches(sample_noise, {}, 0, 250, 100)))
    assert images.shape == (250, 8, 8, 1)
    assert len(np.unique(images[:, 0, 0, 0])) == 250
