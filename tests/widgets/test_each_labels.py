"""What is begun for every Labels layer of a viewer."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.widgets.each_labels import each_labels
from napari_medseg.widgets.volumes import KEY


def test_labels_that_are_there_and_that_come_are_begun_once_and_no_preview_is():
    viewer, begun, others = ViewerModel(), [], []
    first = viewer.add_labels(np.zeros((4, 4), np.uint8))
    viewer.add_image(np.zeros((4, 4)))
    for _ in range(2):
        each_labels(viewer, begun.append)
    begin = begun.append
    each_labels(viewer, begin)
    each_labels(viewer, others.append)
    viewer.add_layer(Labels(np.zeros((4, 4), np.uint8), metadata={KEY: {"preview": True}}))
    second = viewer.add_labels(np.zeros((4, 4), np.uint8))
    assert begun == others == [first, second]
