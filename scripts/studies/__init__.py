"""Numbers as distributions: a recipe trained from several seeds, its best checkpoint beside its last."""
