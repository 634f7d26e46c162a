"""What went wrong, said as a napari notification in words a physician understands."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

_log = logging.getLogger(__name__)
_said: set[str] = set()


class Notice(Notification):
    """A notification of napari that names as its source not the object but who speaks."""

    @property
    def source(self) -> str:
        """Who speaks."""
        return "MedSeg"


def show_failure(error: BaseException) -> None:
    """Say in one sentence what `error` means, with the rest behind a *Details* button.

    `ValueError` and `OSError` are written for people and shown as they are; anything else is an
    error of the program and says so.
    """
    details = "".join(traceback.format_exception(error))
    _log.debug("shown to the person:\n%s", details)
    notification_manager.dispatch(
        Notice(sentence(error), "error", actions=(("Details", partial(_open, details)),))
    )


def offer(text: str, verb: str, act: Callable[[], Any]) -> None:
    """Say something with a button that does what comes next.

    Parameters
    ----------
    text : str
        A sentence.
    verb : str
        On the button.
    act : callable
        What the button does; what it raises is shown as every failure is.
    """

    def press(notice: QWidget) -> None:
        notice.close()
        try:
            act()
        except (ValueError, OSError) as error:
            show_failure(error)

    notification_manager.dispatch(Notice(text, "info", actions=((verb, press),)))


def warn_once(text: str) -> None:
    """Say what is wrong with a setting or a file, once a session."""
    if text not in _said:
        _said.add(text)
        notification_manager.dispatch(Notice(text, "warning"))


def sentence(error: BaseException) -> str:
    """Return what a person should read of `error`."""
    if isinstance(error, MemoryError):
        return (
            "There is not enough memory for this. Close other images or programs, or choose a "
            "smaller image."
        )
    text = str(error).strip()
    if isinstance(error, FileNotFoundError) and error.filename:
        text = f"The file {error.filename} is not there any more. Choose another one."
    elif isinstance(error, PermissionError) and error.filename:
        text = f"{error.filename} may not be written or read. Choose another folder."
    if isinstance(error, ValueError | OSError) and text:
        is_word = text.split()[0].isalpha()  # and not the name of a file
        return text[0].upper() + text[1:] if is_word else text
    return (
        "Something went wrong inside MedSeg; your layers are as they were. "
        f"({type(error).__name__}: {text or 'no message'})"
    )


def as_sentence(words: str) -> str:
    """Return what the engine says of an answer as a sentence of its own."""
    return words[:1].upper() + words[1:].rstrip(".") + "."


def _open(details: str, notice: QWidget) -> None:
    dialog = QDialog(notice.window())
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("MedSeg: details")
    text = QPlainTextEdit(details)
    text.setReadOnly(True)
    text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    dialog.resize(720, 420)
    dialog.open()
