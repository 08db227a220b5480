"""The SequenceContext that TestStand hands to a code module: what NI's modules use of it.

Names of members and arguments are those of TestStand's API. Everything else is refused by name: a
fake that answered more would be kinder than what is known for certain.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import NoReturn

from session_fakes.errors import FakeError, listed, quoted
from session_fakes.fidelity import fidelity

__all__ = ["FileDialog", "NotSimulated", "SequenceContext"]

FileDialog = Callable[[str], "str | None"]
"""Answers TestStand's question where a file is: with a path, or None for Cancel."""


class NotSimulated(FakeError, AttributeError):  # noqa: N818 - the fake is at fault, not the caller
    """Something of TestStand's API that the fake does not have; the text names what it has."""


class _Surface:
    """An object of TestStand's API: its members are fixed, and nothing can be set on it."""

    _name: str

    @fidelity(
        "TS-CONTEXT-STRICT",
        evidence="our choice",
        rule="A SequenceContext has the members that NI's code modules use, and refuses every"
        " other by name",
    )
    def __getattr__(self, name: str) -> NoReturn:
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        raise NotSimulated(
            f"{self._name} has no {name} here. The fake has what NI's code modules use of it:"
            f" {', '.join(known) or 'nothing'}. Have the code module take what else it needs as an"
            " argument."
        )

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise NotSimulated(f"{self._name}.{name} cannot be set here.")
        super().__setattr__(name, value)


class _RunTimeVariables(_Surface):
    _name = "RunTimeVariables"

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def Exists(self, lookupString: str, options: int) -> bool:  # noqa: N802, N803 - TestStand's
        """Whether there is a variable of this name."""
        _refuse_options(options)
        return lookupString in self._values

    @fidelity(
        "TS-VARIABLE",
        evidence="seen in NI's code",
        rule="The pin map id is the run-time variable NI.MeasurementPlugIns.PinMapId, which is not"
        " there before a pin map was updated; reading a variable that is not there is an error",
    )
    def GetValString(self, lookupString: str, options: int) -> str:  # noqa: N802, N803 - likewise
        """The value of a variable; an error when there is none."""
        _refuse_options(options)
        if lookupString not in self._values:
            raise FakeError(
                f"There is no run-time variable {quoted(lookupString)}; there are:"
                f" {listed(list(self._values))}. The step Update Pin Map sets that of the pin map."
            )
        return self._values[lookupString]


class _Execution(_Surface):
    _name = "Execution"

    def __init__(self, variables: _RunTimeVariables) -> None:
        self._variables = variables

    @property
    def RunTimeVariables(self) -> _RunTimeVariables:  # noqa: N802 - TestStand's name
        """Its run-time variables."""
        return self._variables


class _SequenceFile(_Surface):
    _name = "SequenceFile"


class _Engine(_Surface):
    _name = "Engine"

    def __init__(
        self, file: _SequenceFile, home: Path, folders: Sequence[Path], ask: FileDialog | None
    ) -> None:
        self._file, self._home, self._folders, self._ask = file, home, folders, ask

    @fidelity(
        "TS-FIND-FILE",
        evidence="seen in NI's code",
        rule="FindFileEx answers five values, the second the absolute path, the last whether the"
        " user cancelled",
    )
    def FindFileEx(  # noqa: N802 - TestStand's name, and those of its arguments
        self,
        fileToFind: str,  # noqa: N803
        absolutePath: None = None,  # noqa: ARG002, N803
        srchDirType: None = None,  # noqa: ARG002, N803
        searchDirectoryIndex: None = None,  # noqa: ARG002, N803
        userCancelled: None = None,  # noqa: ARG002, N803
        searchContext: object = None,  # noqa: N803
    ) -> tuple[bool, str, int, int, bool]:
        """Look for a file, beside the sequence file when that is the context of the search."""
        if searchContext not in (None, self._file):
            raise FakeError("The searchContext of FindFileEx has to be the SequenceFile.")
        home = [] if searchContext is None else [self._home]
        found = _found(fileToFind, [*home, *self._folders], self._ask)
        return found is not None, found or "", 0, 0, found is None


@fidelity(
    "TS-FIND-FILE-ORDER",
    evidence="our choice",
    rule="A file is looked for beside the sequence file, then in the search folders; backslashes"
    " separate folders on every system. Of one that is nowhere TestStand asks its user: here that"
    " is an error, unless the test answers",
)
def _found(name: str, folders: Sequence[Path], ask: FileDialog | None) -> str | None:
    for folder in folders:
        if (folder / on_this_system(name)).is_file():
            return os.path.normpath((folder / on_this_system(name)).absolute())
    if ask is None:
        places = ", ".join(str(folder) for folder in folders) or "no folder"
        raise FakeError(
            f"FindFileEx: {quoted(name)} is in none of the folders that are searched ({places})."
            " TestStand would ask its user for it now."
        )
    return ask(name)


def on_this_system(path: str) -> str:
    r"""A path as it was typed for TestStand, ``..\pinmap\bench.pinmap``, for this system."""
    return path if os.name == "nt" else PureWindowsPath(path).as_posix()


class SequenceContext(_Surface):
    """What TestStand passes to a code module as its sequence context."""

    _name = "SequenceContext"

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        home: str | Path = ".",
        search_folders: Sequence[str | Path] = (),
        file_dialog: FileDialog | None = None,
    ) -> None:
        """Make a context; a runner makes one for each step.

        Args:
            variables: The run-time variables of the execution, read whenever they are asked for.
            home: The folder of the sequence file.
            search_folders: TestStand's search directories.
            file_dialog: Answers where a file is that was not found; None for Cancel.
        """
        self._file = _SequenceFile()
        folders = [Path(folder) for folder in search_folders]
        self._engine = _Engine(self._file, Path(home), folders, file_dialog)
        self._execution = _Execution(_RunTimeVariables({} if variables is None else variables))

    @property
    def Engine(self) -> _Engine:  # noqa: N802 - TestStand's name
        """The engine."""
        return self._engine

    @property
    def Execution(self) -> _Execution:  # noqa: N802 - likewise
        """The execution of the step."""
        return self._execution

    @property
    def SequenceFile(self) -> _SequenceFile:  # noqa: N802 - likewise
        """The sequence file of the step."""
        return self._file


def _refuse_options(options: int) -> None:
    if options != 0:
        raise NotSimulated(f"The option {options:#x} is not simulated; NI's code modules use 0x0.")
