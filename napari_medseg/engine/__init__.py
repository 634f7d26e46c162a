"""The engine: prepare, infer, train, measure; torch, no Qt, no napari."""
