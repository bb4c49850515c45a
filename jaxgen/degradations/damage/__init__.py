"""Physical damage of photographs: what hides parts of an image, each with a texture and an opacity."""
