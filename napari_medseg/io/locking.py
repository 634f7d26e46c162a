"""Locks on files, which the system frees should the program die."""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[bytes], at: int = 0) -> bool:
        """Lock an open file for this handle alone; False if somebody else holds it.

        Parameters
        ----------
        at : int
            Which byte; Windows keeps others from reading it, so beyond the end for files that
            others read.
        """
        place = file.tell()
        file.seek(at)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(place)
        return True

else:
    import fcntl

    def try_lock(file: IO[bytes], at: int = 0) -> bool:
        """Lock an open file for this handle alone; False if somebody else holds it.

        Parameters
        ----------
        at : int
            Which byte; only Windows locks single bytes.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # this file system knows no locks: better without than not at all
            return True
        return True
