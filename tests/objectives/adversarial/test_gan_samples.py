import jax
import numpy as np

from jaxgen.objectives.adversarial import gan_samples
from jaxgen.training.randomness import example_keys


def test_samples_are_images_of_the_averaged_generator(tiny):
    objective = tiny.make()
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    state, _ = jax.jit(objective.step)(state, tiny.BATCH)
    visualize = jax.jit(objective.visualize)
    images = visualize(state, tiny.BATCH)["samples"]
    assert images.shape == (64, 4, 4, 1)
    assert 0 <= np.min(images) < np.max(images) <= 1
    blank = {"generator": jax.tree.map(np.zeros_like, state.ema["generator"])}
    other = visualize(state.replace(ema=blank), tiny.BATCH)
    assert tiny.differs(images, other["samples"])


def test_samples_have_the_classes_asked_for_and_else_each_in_turn(tiny, conditional):
    objective, state, _ = conditional
    draw = jax.jit(objective.generative.sample, static_argnums=2)
    turns = draw(state.ema["generator"], jax.random.key(1), 7)
    asked = draw(state.ema["generator"], jax.random.key(1), 7, np.arange(7) % tiny.CLASSES)
    np.testing.assert_array_equal(turns, asked)
    assert tiny.differs(turns, draw(state.ema["generator"], jax.random.key(1), 7, np.zeros(7, int)))
    assert jax.eval_shape(objective.visualize, state, tiny.LABELLED)["samples"].shape == (21, tiny.CLASSES, 4, 4, 1)


def test_samples_are_generated_from_standard_normal_latents(tiny, conditional, computed):
    objective, state, _ = conditional
    generator, key, labels = state.ema["generator"], jax.random.key(2), np.arange(6) % tiny.CLASSES
    draw = lambda key: gan_samples.draw_latents(example_keys(key, 6), objective.generative.latent_size)
    latents, generate = computed(draw, key), jax.jit(objective.generative.generate)
    generated = generate(generator, latents, labels)
    sample = jax.jit(objective.generative.sample, static_argnums=2)
    np.testing.assert_array_equal(generated, sample(generator, key, 6))
    assert tiny.differs(generated, generate(generator, -latents, labels))
    assert tiny.differs(generated, generate(generator, latents, labels[::-1]))


def test_the_appended_class_has_mean_square_one(computed):
    append = lambda latents, labels: gan_samples.with_class(latents, labels, 4)
    appended = computed(append, np.zeros((4, 2), np.float32), np.arange(4))[:, 2:]
    np.testing.assert_allclose((appended**2).mean(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(appended.argmax(1), range(4))


def test_pixel_frechet_ranks_near_before_far(tiny):
    real = tiny.BATCH["image"]
    near, far = np.clip(real + np.float32(0.01), 0, 1), 1 - real**4
    distance = jax.jit(gan_samples.pixel_frechet)
    assert distance(real, near) < distance(real, far)
