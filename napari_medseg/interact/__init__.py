"""Interactive segmentation: prompts as data, and the answers any loaded network gives to them."""
