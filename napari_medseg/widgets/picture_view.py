"""A picture as wide as the panel allows, with a caption; its place is kept while it is made."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_medseg.engine.example_picture import ExamplePicture
from napari_medseg.widgets.pieces import wrapped_label

_HEIGHT = 180  # pixels, whatever the picture is, so that nothing jumps when it comes


class PictureView(QWidget):
    """Shows an example picture, or keeps its place."""

    def __init__(self) -> None:
        super().__init__()
        self._whole, self._tall = QPixmap(), 1.0
        self.image = QLabel()
        self.image.setFixedHeight(_HEIGHT)
        self.image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.image.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.image.setToolTip("An example made by a program; no patient, and no answer of a model")
        self.caption = wrapped_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.image)
        layout.addWidget(self.caption)

    def wait(self) -> None:
        """Keep the place of a picture that is being made."""
        self._whole = QPixmap()
        self.image.clear()
        self.caption.setText("Drawing an example…\n")
        self.setVisible(True)

    def show_picture(self, picture: ExamplePicture | None) -> None:
        """Show a picture; without one take no room."""
        self.setVisible(picture is not None)
        if picture is None:
            return
        height, width = picture.pixels.shape[:2]
        pixels = picture.pixels.tobytes()
        image = QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._whole = QPixmap.fromImage(image.copy())  # Qt does not keep the bytes
        self._tall = picture.aspect
        self.caption.setText(picture.caption)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._whole.isNull():
            return
        width, height = self._whole.width(), self._whole.height() * self._tall
        factor = min(self.width() / width, _HEIGHT / height)
        self.image.setPixmap(
            self._whole.scaled(
                max(round(width * factor), 1),
                max(round(height * factor), 1),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
