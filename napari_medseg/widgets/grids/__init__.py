"""Labels that lie on another grid than their image: asked about, never moved silently."""
