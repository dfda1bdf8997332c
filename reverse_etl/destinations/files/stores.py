"""Places that keep files. A file appears under its name whole, or it does not appear."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from reverse_etl.errors import DestinationDown, DestinationRefused

Fill = Callable[[IO[bytes]], object]

PART = (
    ".weft-part-"  #: begins the name of a file that is not finished; a killed process may leave one, which nobody reads
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG)


class Store(ABC):
    """One place. Names are paths below it, with slashes."""

    @abstractmethod
    def place(self, name: str, fill: Fill) -> None:
        """Write a file and let it appear under its name, in place of one that was there.

        Raises:
            DestinationRefused: The place will not take it until a person acts.
            DestinationDown: It was not taken; as ``AmbiguousCall``, it may be there.
        """

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, without it; none where there is no such folder."""

    @abstractmethod
    def probe(self, folder: str) -> None:
        """Make sure that files can be written to a folder, and leave nothing there.

        Raises:
            DestinationRefused: They cannot be.
            DestinationDown: The place could not be reached.
        """


class Folder(Store):
    """A folder of this machine: files are written beside their names and then renamed."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def place(self, name: str, fill: Fill) -> None:
        """Write beside, flush to the disk, rename."""
        path = self._root / name
        part = path.with_name(f"{PART}{uuid4().hex}")
        with self._explained():
            if not self._root.is_dir():
                raise FileNotFoundError(errno.ENOENT, "no folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("xb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            except BaseException:
                with suppress(OSError):
                    part.unlink()
                raise
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)  # else a power failure could take back the rename that was reported
            finally:
                os.close(handle)

    def names(self, folder: str) -> list[str]:
        """List the folder."""
        path = self._root / folder
        with self._explained():
            return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []

    def probe(self, folder: str) -> None:
        """Write an empty file and delete it."""
        path = self._root / folder
        with self._explained():
            if not self._root.is_dir():
                raise FileNotFoundError(errno.ENOENT, "no folder")
            path.mkdir(parents=True, exist_ok=True)
            part = path / f"{PART}{uuid4().hex}"
            part.touch()
            part.unlink()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise said(error, f"folder {self._root}") from error


def said(error: OSError, where: str) -> DestinationDown | DestinationRefused:
    """Return what an error of a file system means."""
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    if error.errno in _FULL:
        return DestinationDown(
            f"There is no room for the file ({name}).", where=where, fix="make room, then run the sync again"
        )
    if error.errno in _REFUSED:
        return DestinationRefused(
            f"The file cannot be written there ({name}).",
            where=where,
            fix="check that the folder is there and that the user may write to it",
        )
    return DestinationDown(f"The file was not written ({name}).", where=where, fix="run the sync again")
