"""The samples as files: ``python -m napari_medseg.engine.sample_files FOLDER``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from napari_medseg.io import write_image, write_labels
from napari_medseg.progress import Report, Step, silent
from napari_medseg.samples import SAMPLES, Phantom


def write_samples(folder: str | os.PathLike[str], *, report: Report = silent) -> list[Path]:
    """Write every sample as a case folder: ``NAME/image.*`` and ``NAME/label.*``.

    2D images become PNG, volumes NIfTI; several contrasts one file each, named after them.

    Parameters
    ----------
    folder : path
        Made if it is not there; files of the same name are replaced.
    report : Report
        Called before every sample.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    written = []
    for done, sample in enumerate(SAMPLES.values()):
        report(Step(done, len(SAMPLES), "sample", sample.title))
        written += _write(Path(folder) / sample.name, sample.make())
    return written


def _write(folder: Path, phantom: Phantom) -> list[Path]:
    volume = phantom.volume
    suffix = ".png" if volume.spatial_dims == 2 else ".nii.gz"
    written = []
    if suffix == ".png" or len(volume.array) == 1:
        written.append(folder / f"image{suffix}")
        write_image(written[0], volume)
    else:
        for channel, values in zip(volume.channels, volume.array, strict=True):
            written.append(folder / f"{channel.lower()}{suffix}")
            write_image(written[-1], volume.with_array(values[None]))
    labels = folder / f"label{suffix}"
    write_labels(labels, phantom.labels, like=volume)
    return [*written, labels]


def main() -> None:
    """Read the command line and write the samples."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_medseg.engine.sample_files",
        description="Write the sample images and their labels, one folder per case.",
    )
    parser.add_argument("folder", help="where to; made if it is not there")
    try:
        write_samples(parser.parse_args().folder)
    except OSError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
