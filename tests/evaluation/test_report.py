import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import online, report
from jaxgen.evaluation.features import Extractor, dataset_batches, extract, sample_batches

DIGITS = data.Config(name="digits", size=8, channels=1)


def compute_features(variables, images):
    """Returns 4×4 averages as features, and a softmax of three of them as probabilities."""
    features = images.reshape(len(images), 4, 2, 4, 2).mean((2, 4)).reshape(len(images), 16)
    return features, jax.nn.softmax(4 * features[:, :3])


EXTRACTOR = Extractor(
    name="averages",
    network="classifier",
    sha256="00",
    variables={},
    features=compute_features,
    resize="none",
    batch=100,
)
REAL = np.asarray(data.load(DIGITS).batch(0, 0, 1437)["image"])


def sample_real(variables, key, count):
    """Returns real images, drawn with replacement."""
    return variables["images"][jax.random.randint(key, (count,), 0, len(variables["images"]))]


def sample_noise(variables, key, count):
    return jax.random.uniform(key, (count, 8, 8, 1))


@pytest.fixture(scope="module")
def evaluation():
    variables = {"images": jnp.asarray(REAL)}
    return report.evaluate(EXTRACTOR, DIGITS, sample_real, variables, count=300, seed=3)


def test_a_generator_of_copies_has_the_scores_of_the_floor(evaluation):
    assert evaluation["scores"]["cfid"] < 2 * evaluation["floor"]["cfid"] + 0.05
    assert evaluation["scores"]["precision"] > 0.8
    noise = report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=300)
    assert noise["scores"]["cfid"] > 5 * evaluation["scores"]["cfid"]
    assert noise["scores"]["recall"] < 0.2


def test_scores_of_a_classifier_are_not_named_fid(evaluation):
    assert {"cfid", "ckid", "cinception_score"} < evaluation["scores"].keys()
    assert not {"fid", "kid", "inception_score"} & evaluation["scores"].keys()
    assert evaluation["floor"].keys() == evaluation["scores"].keys()


def test_the_protocol_records_every_setting(evaluation):
    assert evaluation["protocol"] == {
        "extractor": "averages",
        "sha256": "00",
        "resize": "none",
        "batch": 100,
        "data": "digits",
        "size": 8,
        "fit": "resize",
        "data_seed": 0,
        "reference": "test",
        "real": 300,
        "generated": 300,
        "grey_levels": 256,
        "labels": "none",
        "floor": "300 of train",
        "precision_recall_neighbours": 3,
        "density_coverage_neighbours": 5,
        "inception_score_splits": 10,
        "ema": True,
        "seed": 3,
        "latents": "the prior",
        "restored": "no",
    }


def test_generated_images_are_restored_before_scoring(evaluation):
    shapes = []

    def restore(images):
        shapes.append(images.shape)
        return REAL[: len(images)] + 0.001

    noise = report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=300, restore=restore, restored="to digits")
    assert shapes == [(100, 8, 8, 1)] * 3
    assert noise["protocol"]["restored"] == "to digits"
    copies = report.evaluate(EXTRACTOR, DIGITS, lambda variables, key, count: jnp.asarray(REAL[:count]), {}, count=300)
    assert noise["scores"] == copies["scores"]


def test_scores_depend_on_the_seed_only(evaluation):
    variables = {"images": jnp.asarray(REAL)}
    again, other = (
        report.evaluate(EXTRACTOR, DIGITS, sample_real, variables, count=300, seed=seed)["scores"] for seed in (3, 4)
    )
    assert again == evaluation["scores"]
    assert other["cfid"] != evaluation["scores"]["cfid"]


def test_the_text_has_every_score_and_the_protocol(evaluation):
    text = report.to_text(evaluation)
    assert all(name in text for name in (*evaluation["scores"], *evaluation["protocol"]))


def test_memorization_of_all_training_images_is_reported(evaluation):
    assert evaluation["memorisation"]["training"] == 1438
    few = dataclasses.replace(DIGITS, fraction=0.2)
    images = jnp.asarray(data.load(few).batch(0, 0, 287)["image"])
    copies = report.evaluate(EXTRACTOR, few, sample_real, {"images": images}, count=300)["memorisation"]
    noise = report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=300)["memorisation"]
    assert copies["training"] in (287, 288) and copies["held_out"] == 150
    assert copies["copied"] > 0.5 and copies["copies"]
    assert not noise["copies"]


def test_a_small_set_has_the_scores_that_its_images_allow(tmp_path):
    images = np.rint(255 * REAL[:60]).astype(np.uint8)
    np.savez(tmp_path / "few.npz", image=images[:50], test_image=images[50:])
    few = data.Config(name="npz", dir=str(tmp_path / "few.npz"))
    evaluation = report.evaluate(EXTRACTOR, few, sample_noise, {}, count=8)
    assert evaluation["scores"].keys() == {"ckid", "precision", "recall", "density", "coverage"}
    assert evaluation["omitted"] == {
        "cfid": "needs 17 images of each set (more than the 16 features); there are 8 real and 8 generated ones",
        "cinception_score": "needs 10 images of each set; there are 8 real and 8 generated ones",
    }
    assert "cfid                         omitted: needs 17 images" in report.to_text(evaluation)
    assert evaluation["floor"].keys() == evaluation["scores"].keys()
    # The unbiased estimate by its definition.
    real, other = (
        np.asarray(
            compute_features({}, jnp.asarray(data.load(dataclasses.replace(few, split=split)).batch(0, 0, 8)["image"]))[
                0
            ]
        )
        for split in ("test", "train")
    )
    kernel = lambda x, y: (x @ y.T / 16 + 1) ** 3
    within = lambda x: (kernel(x, x).sum() - np.trace(kernel(x, x))) / (8 * 7)
    expected = within(real) + within(other) - 2 * kernel(real, other).mean()
    assert evaluation["floor"]["ckid"] == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_one_image_has_no_score(tmp_path):
    np.savez(tmp_path / "few.npz", image=np.zeros((5, 8, 8, 1), np.uint8))
    few = data.Config(name="npz", dir=str(tmp_path / "few.npz"))
    with pytest.raises(UsageError, match=r"1 real images of split test and 4 of train: .* needs 2 of each; add images"):
        report.evaluate(EXTRACTOR, few, sample_noise, {}, count=500)
    with pytest.raises(UsageError, match=r"needs 2 of each; raise --count"):
        report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=1)


@pytest.mark.parametrize(("reference", "real", "other"), [("test", 359, 1438), ("train", 1438, 359)])
def test_scores_and_floor_have_equal_numbers_of_images(monkeypatch, reference, real, other):
    sizes = lambda real, fake, *more: {"sizes": (len(real.features), len(fake.features))}
    monkeypatch.setattr(report.scores, "compute_scores", sizes)
    evaluation = report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=10_000, reference=reference)
    assert evaluation["scores"] == evaluation["floor"] == {"sizes": (real, other)}
    protocol = evaluation["protocol"]
    assert (protocol["real"], protocol["generated"]) == (real, other)
    assert protocol["floor"] == f"{other} of {report.OTHER_SPLIT[reference]}"


@pytest.mark.parametrize("seed", [-1, online.SEED, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(UsageError, match=rf"seed {seed}: give an integer from 0 to 4294967294"):
        report.evaluate(EXTRACTOR, DIGITS, sample_noise, {}, count=300, seed=seed)


def test_features_that_are_not_finite_name_their_images_and_their_batch():
    broken = [{"image": jnp.zeros((5, 8, 8, 1))}, {"image": jnp.full((5, 8, 8, 1), jnp.nan)}]
    with pytest.raises(UsageError, match=r"^generated images: NaN or infinite features in batch 1"):
        extract(EXTRACTOR, broken, "generated")
    blind = EXTRACTOR._replace(features=lambda variables, images: (images[:, 0, 0] / 0, images[:, 0, 0]))
    with pytest.raises(UsageError, match=r"^real test images: NaN or infinite features in batch 0"):
        report.evaluate(blind, DIGITS, sample_noise, {}, count=300)


def test_batches_of_any_size_contain_each_image_once():
    dataset = data.load(DIGITS)
    for size in (100, 64):
        images = np.concatenate([batch["image"] for batch in dataset_batches(dataset, 1437, size)])
        ours = np.sort(images.reshape(len(images), -1), axis=0)
        np.testing.assert_array_equal(ours, np.sort(REAL.reshape(len(REAL), -1), axis=0))


def test_the_requested_number_of_images_is_generated():
    images = np.concatenate([batch["image"] for batch in sample_batches(sample_noise, {}, 0, 250, 100)])
    assert images.shape == (250, 8, 8, 1)
    assert len(np.unique(images.reshape(250, -1), axis=0)) == 250


def test_generated_images_have_256_grey_levels():
    ((batch),) = sample_batches(sample_noise, {}, 0, 100, 100)
    levels = np.asarray(batch["image"]) * 255
    assert np.abs(levels - np.rint(levels)).max() < 1e-4
    assert len(np.unique(levels.round())) == 256
    ((copied),) = sample_batches(lambda variables, key, count: variables[:count], jnp.asarray(REAL), 0, 100, 100)
    np.testing.assert_array_equal(copied["image"], REAL[:100])


def sample_labelled(variables, key, count, labels):
    """Returns images that encode their label: its digits as three of 64 pixels."""
    digits = jnp.stack([labels // 100, labels // 10 % 10, labels % 10], -1) / 9
    return jnp.concatenate([digits, jax.random.uniform(key, (count, 61))], -1).reshape(count, 8, 8, 1)


def read_labels(images):
    """Returns the labels that such images encode."""
    digits = np.rint(9 * np.asarray(images).reshape(len(images), 64)[:, :3]).astype(int)
    return digits @ [100, 10, 1]


def test_a_conditional_generator_has_the_class_frequencies_of_the_reference(tmp_path, monkeypatch):
    count, compared = 20_000, []
    labels = np.where(np.arange(count) % 3 == 0, 7, np.arange(count) // 10 % 1000)
    np.savez(tmp_path / "set.npz", image=np.zeros((count, 8, 8, 1), np.uint8), label=labels)
    config = data.Config(name="npz", dir=str(tmp_path / "set.npz"), classes=1000)
    pixels = EXTRACTOR._replace(features=lambda variables, images: (images.reshape(-1, 64), images[:, 0, 0]))
    monkeypatch.setattr(report.scores, "compute_scores", lambda real, fake, *more: compared.append(fake.features) or {})
    evaluation = report.evaluate(pixels, config, sample_labelled, {}, conditional=True, count=2000)
    assert evaluation["protocol"]["labels"] == "as in the reference"
    generated, held_out = read_labels(compared[0]), labels[9::10]
    np.testing.assert_array_equal(np.bincount(generated, minlength=1000), np.bincount(held_out, minlength=1000))


def test_labels_repeat_if_more_images_are_generated_than_the_reference_has():
    labels = np.arange(70)
    batches = sample_batches(sample_labelled, {}, 0, 250, 100, labels)
    np.testing.assert_array_equal(
        read_labels(np.concatenate([batch["image"] for batch in batches])), np.arange(250) % 70
    )


def test_a_conditional_generator_needs_labels(tmp_path):
    np.savez(tmp_path / "set.npz", image=np.zeros((500, 8, 8, 1), np.uint8))
    config = data.Config(name="npz", dir=str(tmp_path / "set.npz"))
    with pytest.raises(UsageError, match=r"conditional generator .* have no labels"):
        report.evaluate(EXTRACTOR, config, sample_labelled, {}, conditional=True, count=40)
