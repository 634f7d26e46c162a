"""LGMSNet: local and global multi-scale blocks."""
