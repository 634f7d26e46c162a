"""What people see: Qt panels and the one place that knows napari's inner ways."""
