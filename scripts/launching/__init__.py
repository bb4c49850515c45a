"""Renders a `jaxgen` command as a Slurm array or a Kubernetes Job. Imports the standard library only."""
