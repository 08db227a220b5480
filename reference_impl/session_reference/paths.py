"""What a path from a client leads to, and whether it may."""

from __future__ import annotations

import os
from pathlib import Path

from .refusals import InvalidRequestError, SessionError, quoted

_LONGEST = 4096
"""Characters of a path; no system that servers run on opens longer ones as they come."""


class OutsideRootError(SessionError):
    """A path leads out of the folder that clients are confined to."""

    code = "PERMISSION_DENIED"


class Root:
    """The folder that relative paths start at, and that confines all paths if it was chosen.

    It confines clients, who cannot make links. Whoever has an account on the machine of the server
    needs no server to write where they may.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Choose a folder; without one, relative paths start at the current one and all may go.

        Args:
            folder: The folder of ``--root``.
        """
        self._base = os.path.realpath(folder or ".")
        self._confines = folder is not None

    def resolve(self, text: str, what: str) -> str:
        """Turn a client's text into a complete path without links, whether or not it exists.

        Args:
            text: The path as the client wrote it.
            what: What the path is, as an error begins: ``"The path of the log"``.

        Raises:
            InvalidRequestError: The text cannot be a path.
            OutsideRootError: The path leads out of the root folder, once its links are followed.
        """
        path = os.path.realpath(self._joined(text, what))
        if self._confines and not Path(path).is_relative_to(self._base):
            raise OutsideRootError(
                f"{what} {quoted(text)} leads out of the folder that this server is confined to: "
                "choose a path inside it, or start the server with another --root."
            )
        return path

    def find(self, text: str, what: str) -> str:
        """Turn a client's text into a path to be opened once: quicker, as links may be left in it.

        Raises:
            InvalidRequestError: The text cannot be a path.
            OutsideRootError: The path leads out of the root folder.
        """
        return self.resolve(text, what) if self._confines else self._joined(text, what)

    def _joined(self, text: str, what: str) -> str:
        if not text or "\0" in text or len(text) > _LONGEST:
            raise InvalidRequestError(
                f"{what} {quoted(text)} is empty, has a NUL in it or is longer than {_LONGEST} "
                "characters: give the path of a file."
            )
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            raise InvalidRequestError(
                f"{what} {quoted(text)} has characters that the file system of the server cannot "
                "have: use others, or start the server in a UTF-8 locale."
            ) from None
        return os.path.join(self._base, text)  # noqa: PTH118 - a Path is slow
