import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED, online
from jaxgen.evaluation.features import Extractor
from jaxgen.training.state import TrainState

DIGITS = data.Config(name="digits", size=8, channels=1)


def compute_features(variables, images):
    small = images.reshape(len(images), 4, 2, 4, 2).mean((2, 4)).reshape(len(images), -1)
    return small, jnp.full((len(images), 2), 0.5)


EXTRACTOR = Extractor("means", "classifier", "0" * 64, {}, compute_features, "none", batch=100)


def state(scale):
    variables = {"params": {"scale": jnp.float32(scale)}, "stats": {}}
    return TrainState(
        step=jnp.int32(0),
        params={"generator": {"scale": jnp.float32(-1)}},
        stats={},
        opt_state={},
        ema={"generator": variables},
        hyper={},
        key=jax.random.key(0),
    )


def sample(variables, key, count):
    return variables["params"]["scale"] * jax.random.uniform(key, (count, 8, 8, 1))


def test_the_online_score_is_of_the_averaged_variables_and_minimized():
    measure, selection = online.make_online(EXTRACTOR, DIGITS, sample, "generator", 200)
    dark, noise = measure(state(0.0)), measure(state(1.0))
    assert set(dark) == {"evaluation/cfid"} == {selection.metric}
    assert selection.direction == "minimize"
    assert noise[selection.metric] != dark[selection.metric]
    assert measure(state(1.0)) == noise


def test_too_few_images_are_refused_before_training():
    with pytest.raises(UsageError, match=r"16 train images for 16 features: .* set --evaluate-images to at least 17"):
        online.make_online(EXTRACTOR, DIGITS, sample, "generator", 16)


def test_images_that_are_not_finite_stop_the_run_with_one_line():
    measure, _ = online.make_online(EXTRACTOR, DIGITS, sample, "generator", 200)
    with pytest.raises(
        UsageError, match=r"evaluation at step 0: generated images: NaN or infinite .* batch 0"
    ) as error:
        measure(state(jnp.nan))
    assert "\n" not in str(error.value)


def test_a_conditional_generator_gets_the_labels_of_the_training_images():
    captured = []

    def conditional(variables, key, count, labels):
        jax.debug.callback(lambda x: captured.extend(np.asarray(x)), labels)
        return sample(variables, key, count)

    measure, _ = online.make_online(EXTRACTOR, DIGITS, conditional, "generator", 200, conditional=True)
    measure(state(1.0))
    train = data.load(DIGITS).batch(0, 0, 200)
    np.testing.assert_array_equal(captured, train["label"])


def test_no_report_has_the_seed_of_the_online_score():
    assert online.SEED == MAX_SEED + 1
