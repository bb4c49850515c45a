"""From a `jaxgen` command to a Slurm array or a Kubernetes Job that runs it, by the standard library alone."""
