import os
from multiprocessing.pool import ThreadPool
from typing import Any

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Path
from keras_spa.data._rgb import read


class ImageFiles:
    """Images that stay in their files until they are asked for.

    `files[i]` is an image, uint8 (H, W, 3); `files[a:b]`, `files[[3, 1]]` and
    `files[mask]` are `ImageFiles` again, and read nothing. Images come as a viewer
    shows them: greyscale, palette and CMYK as RGB, 16-bit levels as 8-bit ones,
    transparent pixels white, photographs upright as their EXIF data say, of a GIF the
    first frame. Floats are grey levels of 0..255; deep levels that would come out black
    or white, because their range is another one, are refused. `pipeline` gives the same
    pixels.

    Args:
        paths: N file names, strings, bytes or `pathlib.Path`. They are not looked at
            before an image is read.

    Attributes:
        paths: string array (N,).

    Raises:
        ValueError: paths that are not a list of strings; on reading, a file that is
            damaged, cut short, no image, or of grey levels of an unknown range.
        FileNotFoundError: on reading, there is no such file.

    Example:

    >>> import pathlib, tempfile
    >>> import keras_spa as spa
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "red.png"
    ...     Image.new("RGB", (3, 2), "red").save(path)
    ...     files = spa.data.ImageFiles([path, path])
    ...     image = files[0]
    >>> image.shape, image[0, 0].tolist()
    ((2, 3, 3), [255, 0, 0])
    >>> len(files), len(files[:1])
    (2, 1)

    Reference: ours.
    """

    def __init__(self, paths: Any) -> None:
        if not (isinstance(paths, np.ndarray) and paths.dtype.kind == "U"):
            paths = _as_strings(paths)
        if paths.ndim != 1:
            raise ValueError(
                "Argument `paths` must be a list of file names. "
                f"Received: an array of shape {paths.shape}"
            )
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.paths[index]
        return read(chosen) if isinstance(chosen, str) else ImageFiles(chosen)

    def __repr__(self) -> str:
        first = f", first {str(self.paths[0])!r}" if len(self) else ""
        return f"<ImageFiles: {len(self)} files{first}>"

    def check(self, on_error: str = "raise", verbose: bool = True) -> Array:
        """Reads every file once, in threads.

        JPEG files are decoded at an eighth of their size, which reads all their bytes
        in a fraction of the time.

        Args:
            on_error: `"raise"` (default) at the first damaged or missing file, or
                `"skip"`.
            verbose: Whether to show a progress bar. Defaults to True.

        Returns:
            bool array (N,): which files are whole.

        Raises:
            ValueError: naming the file, a damaged one with `on_error="raise"`.
            FileNotFoundError: naming the file, a missing one likewise.
        """
        _checks.choice("on_error", on_error, ("raise", "skip"))
        whole = np.zeros(len(self), bool)
        bar = keras.utils.Progbar(len(self), verbose=int(verbose), unit_name="file")
        with ThreadPool() as pool:  # left at the first error, with the rest undone
            for i, error in enumerate(
                pool.imap(_reading_error, self.paths, chunksize=8)
            ):
                if error is not None and on_error == "raise":
                    raise error
                whole[i] = error is None
                bar.update(i + 1)
        return whole


def _as_strings(paths: Any) -> Array:
    if isinstance(paths, (str, bytes, os.PathLike)) or not np.iterable(paths):
        raise ValueError(
            f"Argument `paths` must be a list of file names. Received: paths={paths!r}"
        )
    if hasattr(paths, "columns"):  # which are what a table lists
        raise ValueError(
            "Argument `paths` must be a list of file names, such as one column of a "
            f"table. Received: a {type(paths).__name__}"
        )
    paths = list(paths)
    for path in paths:
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise ValueError(
                f"Argument `paths` must be a list of file names. Received: {path!r}"
            )
    return np.array([os.fsdecode(path) for path in paths], dtype=np.str_)


def _reading_error(path: Path) -> Exception | None:
    try:
        read(path, small=True)
    except (ValueError, FileNotFoundError) as error:
        return error
    return None
