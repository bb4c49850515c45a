import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.objectives import gan_samples
from jaxgen.training.randomness import example_keys


def test_samples_are_images_of_the_averaged_generator(tiny):
    objective = tiny.make()
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    state, _ = jax.jit(objective.step)(state, tiny.BATCH)
    images = objective.visualize(state, tiny.BATCH)["samples"]
    assert images.shape == (64, 4, 4, 1)
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    other = objective.visualize(
        state.replace(ema={"generator": jax.tree.map(jnp.zeros_like, state.ema["generator"])}), tiny.BATCH
    )
    assert tiny.differs(images, other["samples"])


def test_samples_have_the_classes_asked_for_and_else_each_in_turn(tiny, conditional):
    objective, state, _ = conditional
    draw = jax.jit(objective.generative.sample, static_argnums=2)
    turns = draw(state.ema["generator"], jax.random.key(1), 7)
    asked = draw(state.ema["generator"], jax.random.key(1), 7, jnp.arange(7) % tiny.CLASSES)
    np.testing.assert_array_equal(turns, asked)
    assert tiny.differs(turns, draw(state.ema["generator"], jax.random.key(1), 7, jnp.zeros(7, int)))
    assert jax.eval_shape(objective.visualize, state, tiny.LABELLED)["samples"].shape == (21, tiny.CLASSES, 4, 4, 1)


def test_samples_are_generated_from_standard_normal_latents(tiny, conditional):
    objective, state, _ = conditional
    generator, key, labels = state.ema["generator"], jax.random.key(2), jnp.arange(6) % tiny.CLASSES
    latents = gan_samples.draw_latents(example_keys(key, 6), objective.generative.latent_size)
    generated = objective.generative.generate(generator, latents, labels)
    np.testing.assert_array_equal(generated, objective.generative.sample(generator, key, 6))
    assert tiny.differs(generated, objective.generative.generate(generator, -latents, labels))
    assert tiny.differs(generated, objective.generative.generate(generator, latents, labels[::-1]))


def test_the_appended_class_has_mean_square_one():
    appended = gan_samples.with_class(jnp.zeros((4, 2)), jnp.arange(4), 4)[:, 2:]
    np.testing.assert_allclose((appended**2).mean(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(appended.argmax(1), range(4))


def test_pixel_frechet_ranks_near_before_far(tiny):
    real = tiny.BATCH["image"]
    near, far = jnp.clip(real + 0.01, 0, 1), 1 - real**4
    assert float(gan_samples.pixel_frechet(real, near)) < float(gan_samples.pixel_frechet(real, far))
