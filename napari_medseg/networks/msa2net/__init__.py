"""MSA²Net: a MaxViT encoder, gates on every scale, large kernels and dual attention."""
