"""Search over the options of an experiment: Optuna asks, a population or processes answer."""

import warnings

from jaxgen.errors import requires

with requires("sweep", "a sweep"):
    import optuna

# A person follows the sweep's own lines; what is experimental of Optuna's is its signs of life, which tests cover here.
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
