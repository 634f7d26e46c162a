"""What we colour ourselves is readable in both themes and changes with them."""

from __future__ import annotations

import pytest

from napari_medseg.widgets.theme import colour

NAMES = ("text", "background", "current", "link", "warning")


def _contrast(one, other):
    """The contrast ratio of WCAG 2.1: 1 to 21."""

    def luminance(c):
        parts = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in c.getRgbF())
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), parts, strict=False))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_links_are_readable_on_the_background(viewer, theme):
    viewer.theme = theme
    assert _contrast(colour(viewer, "link"), colour(viewer, "background")) >= 4.5
    assert all(colour(viewer, name).isValid() for name in NAMES)


def test_the_selected_tab_follows_a_change_of_the_theme(viewer, workbench):
    seen = []
    for theme in ("light", "dark"):
        viewer.theme = theme
        link = colour(viewer, "link").name()
        assert link in workbench.tabs.styleSheet()
        seen.append(link)
    assert seen[0] != seen[1]
