"""The recipes of the tables in experiments/results: options added to an experiment's defaults, sized for two cores."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One experiment with its options.

    Attributes:
      experiment: name of a script in experiments/.
      options: what its command line gets; the data's folder is added.
      data: the data set, which the extractor is named after.
      count: generated images in a report.
      scores: names of the reported scores; the first one selects the best checkpoint.
    """

    experiment: str
    options: str
    data: str
    count: int = 10_000
    scores: tuple[str, ...] = ("cfid",)


SHARED = "--evaluate-images 2000 --sample-every 0 --evaluate-every 500 --checkpoint-every 500 --keep-checkpoints 1"
GREY = f"--data.size 28 --data.channels 1 {SHARED}"
WEIGHTS = ("--hyper.r1-weight 0.03", "--hyper.r2-weight 0.03")
CRITIC = "--network dcgan --width 16 --steps 2000 --hyper.learning-rate 5e-4"
R3GAN = (
    "--width 8 --batch-size 32 --steps 4000 --hyper.schedule-steps 4000 --hyper.learning-rate 3e-3 "
    "--hyper.learning-rate-final 3e-4 --hyper.r1-weight 0.5 --hyper.r1-weight-final 0.05 "
    "--hyper.r2-weight 0.5 --hyper.r2-weight-final 0.05"
)
DCGAN = "--loss non_saturating --penalties --norm batch"


def stacked(options: str, steps: int = 6000, rate: str = "1e-3") -> Recipe:
    """Returns a recipe of Stacked-MNIST, measured as Lin et al. 2018 do: modes of 26,000 images, and reverse KL."""
    words = f"--width 32 {SHARED} --steps {steps} --hyper.learning-rate {rate} {options}".strip()
    return Recipe("stacked_mnist", words, "stacked_mnist", 26_000, ("cfid", "modes", "reverse_kl"))


RECIPES = {
    "mnist_dcgan": Recipe("dcgan", f"{GREY} --width 32 --steps 4000 --hyper.learning-rate 5e-4", "mnist"),
    "mnist_lsgan": Recipe("lsgan", f"{GREY} --width 32 --steps 4000 --hyper.learning-rate 5e-4", "mnist"),
    "mnist_wgan": Recipe("wgan", f"{GREY} --width 16 --steps 4000 --hyper.learning-rate 5e-4", "mnist"),
    "mnist_wgan_gp": Recipe("wgan_gp", f"{GREY} --width 16 --steps 3000 --hyper.learning-rate 5e-4", "mnist"),
    "mnist_sngan": Recipe("sngan", f"{GREY} {CRITIC}", "mnist"),
    "mnist_conditional": Recipe("conditional", f"{GREY} {CRITIC} --data.classes 10", "mnist"),
    "mnist_pacgan": Recipe("pacgan", f"{GREY} --width 32 --steps 4000 --hyper.learning-rate 5e-4", "mnist"),
    "mnist_r3gan": Recipe("r3gan", f"{GREY} {R3GAN}", "mnist"),
    "fashion_wgan_gp": Recipe("wgan_gp", f"{GREY} --width 16 --steps 3000 --hyper.learning-rate 5e-4", "fashion_mnist"),
    "fashion_r3gan": Recipe("r3gan", f"{GREY} {R3GAN}", "fashion_mnist"),
    "mnist_conv_vae": Recipe("conv_vae", f"{GREY} --binarise --steps 4700", "mnist"),
    "fashion_conv_vae": Recipe("conv_vae", f"{GREY} --likelihood logistic --steps 4700", "fashion_mnist"),
    **{
        f"fashion_dcgan_{percent}{name}": Recipe(
            "dcgan",
            f"{GREY} --width 32 --steps 4000 --hyper.learning-rate 5e-4 "
            f"--data.fraction {percent / 100} {options}".strip(),
            "fashion_mnist",
        )
        for percent in (1, 10, 100)
        for name, options in (("", ""), ("_augmented", "--augment color translation cutout"))
    },
    "mnist_wgan_gp_bfloat16": Recipe(
        "wgan_gp",
        f"{GREY} --width 8 --batch-size 32 --dtype bfloat16 --steps 5000 --hyper.learning-rate 5e-4",
        "mnist",
    ),
    # What goes wrong: Adam's usual momentum, and a loss that is flat where the discriminator is sure.
    "stacked_minimax": stacked("--loss minimax --penalties --norm batch --hyper.b1 0.9", rate="2e-3"),
    # What holds there.
    "stacked_minimax_stabilized": stacked(f"{' '.join(WEIGHTS)} --hyper.b1 0.9", rate="2e-3"),
    "stacked_gan": stacked("--loss non_saturating --penalties"),
    "stacked_dcgan": stacked(DCGAN),
    "stacked_pacgan": stacked(f"{DCGAN} --packing 2"),
    "stacked_spectral": stacked("--loss non_saturating --penalties --norm spectral"),
    "stacked_augment": stacked(f"{DCGAN} --augment translation cutout"),
    "stacked_minibatch": stacked(f"{DCGAN} --minibatch-kernels 16"),
    **{
        f"stacked_{remedy}": stacked(f"{DCGAN} --remedies {remedy}")
        for remedy in ("feature_matching", "label_smoothing", "historical_averaging")
    },
    "stacked_gan_r1": stacked(f"--loss non_saturating --penalties r1 {WEIGHTS[0]}"),
    "stacked_gan_r1_r2": stacked(f"--loss non_saturating {' '.join(WEIGHTS)}"),
    "stacked_relativistic_r1": stacked(f"--penalties r1 {WEIGHTS[0]}"),
    "stacked_relativistic_r1_r2": stacked(" ".join(WEIGHTS)),
    "stacked_relativistic_r1_r2_long": stacked(" ".join(WEIGHTS), steps=18_000),
    "stacked_pacgan_long": stacked(f"{DCGAN} --packing 2", steps=24_000),
    "stacked_pacgan_128": stacked(f"{DCGAN} --packing 2 --batch-size 128", steps=36_000),
    "stacked_pacgan_r1_r2": stacked(f"--loss non_saturating {' '.join(WEIGHTS)} --packing 2", steps=18_000),
}
