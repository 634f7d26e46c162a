"""GLAD-Net; see `network` for what it is and where it comes from."""
