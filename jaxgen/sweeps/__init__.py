"""Search over the options of an experiment: Optuna asks, a population or processes answer."""
