"""Search over the options of an experiment: Optuna asks, a population or processes answer."""

import warnings

from jaxgen.errors import UsageError

try:
    import optuna
except ImportError as error:
    raise UsageError("a sweep needs Optuna: pip install 'jaxgen[sweep]'") from error

# A person follows the sweep's own lines; what is experimental of Optuna's is its signs of life, which tests cover here.
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
