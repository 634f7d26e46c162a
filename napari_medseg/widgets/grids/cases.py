"""Labels of a case of the worklist that lie on another grid than its image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Image

from napari_medseg.engine.card import LabelClass
from napari_medseg.io.placing import Relation
from napari_medseg.volume import Volume
from napari_medseg.widgets.grids.placing import Request, placed_layer
from napari_medseg.widgets.grids.questions import Question, image_grid
from napari_medseg.widgets.layers import insert_above
from napari_medseg.widgets.opened_cases import opened_case
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CaseQuestion(Question):
    """The labels of the open case, which are not shown as they lie.

    Parameters
    ----------
    case : str
        The name of the case.
    labels : Volume
        As its file holds them.
    image : Image
        The first image of the case.
    classes : sequence of LabelClass
        What the values are called.
    """

    keep_words = "Leave them out"
    keep_tip = "The case stays open without these labels; their file stays as it is"

    def __init__(
        self,
        case: str,
        labels: Volume,
        image: Image,
        relation: Relation,
        classes: Sequence[LabelClass],
    ) -> None:
        super().__init__(labels.name, image.name, relation)
        self.case, self.volume, self.classes = case, labels, classes
        self.under = ref(image)

    def request(self) -> Request:
        image = self.under()
        assert image is not None  # `holds` was asked before
        return Request(self.volume, image_grid(image), self.relation)

    def show(self, viewer: Viewer, placed: Volume, request: Request) -> None:
        image = self.under()
        if image is None or not self.holds(viewer):
            return
        layer = placed_layer(placed, request, image, self.classes)
        layer.metadata[KEY]["case"] = self.case
        layer.opacity = 0.6
        insert_above(viewer, image, layer)

    def holds(self, viewer: Viewer) -> bool:
        opened = opened_case(viewer)
        return opened is not None and opened.name == self.case and self.under() in viewer.layers
