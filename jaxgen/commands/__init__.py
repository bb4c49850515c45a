"""The `jaxgen` command."""
