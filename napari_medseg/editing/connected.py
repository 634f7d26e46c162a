"""Connected objects of masks and labels: cc3d, kept from two of its mistakes.

cc3d 4.1 marks background in 2D with 8 neighbours, and fails now and then with 26 on sides of odd
length ("cannot be mapped to union-find array"); neither happens in 3D with sides of even length.
"""

from __future__ import annotations

import numpy as np

TOUCHING = {"corners": 26, "edges": 18, "faces": 6}  # what voxels of an object share -> neighbours


def connected(labels: np.ndarray, touching: str = "corners") -> tuple[np.ndarray, int]:
    """Find the connected objects of equal labels and number them.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers or booleans, 2D or 3D; 0 is background.
    touching : str
        "corners" (26 neighbours, 8 in 2D), "edges" (18, 8 in 2D) or "faces" (6, 4 in 2D).

    Returns
    -------
    tuple of (ndarray, int)
        Unsigned integers ``(*S)``, 1, 2, ... for each object, and how many there are.

    Raises
    ------
    ValueError
        If `touching` is none of these words.
    """
    import cc3d

    if touching not in TOUCHING:
        raise ValueError(f"objects touch by {', '.join(TOUCHING)}; got {touching!r}, choose one")
    native = np.asarray(labels, labels.dtype.newbyteorder("="))
    even = np.pad(native, [(0, side % 2) for side in labels.shape])
    numbers, count = cc3d.connected_components(
        even if labels.ndim == 3 else even[None],
        connectivity=TOUCHING[touching],
        binary_image=labels.dtype.kind == "b",
        return_N=True,
    )
    inside = tuple(slice(0, side) for side in labels.shape)
    return (numbers if labels.ndim == 3 else numbers[0])[inside], int(count)
