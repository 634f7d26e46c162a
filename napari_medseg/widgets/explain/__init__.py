"""What a model sees, over the image it belongs to, and why a voxel got its label."""
