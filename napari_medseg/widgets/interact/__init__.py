"""The Interact panel: prompts drawn on the image, and what comes of them."""
