"""The wrong servers of the profiles: a reference server with one line of its own work changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from selftest.patched import INSTRUMENT, LOGGER, SERVER, TABLE, Patch
from selftest.wrong import Wrong

_WITH_DISCOVERY, _WITHOUT = '"--discovery-address", "{discovery}"', '"--discovery", "off"'
_DEVICE, _REGISTERS, _TAKING_OVER = "instrument.py", "registers.py", "taking_over.py"
_APPENDS = "log.append(_line(request))"
_WRITES = "self._ports[port] = self._ports[port] & ~mask | state & mask"
_VALUE = '_checked("value", value, HIGHEST)'
_SETS_UP = "instrument.set_up(registers, reset=request.reset)"
_OUTPUTS = "f'\"measurement_outputs\":{_object(request.measurement_outputs)}}}'"
_NAME = "f'\"measurement_name\":{_quoted(request.measurement_name)},'"
_TIME = 'return f"{_date_and_time(seconds)}.{nanos // 1000:06}Z"'
_SUFFIX = "if not path.lower().endswith(_SUFFIXES):"
_ATTACHES = "return Opened(slot.session.id, new=False)"


class ProfilePatch(Patch):
    """A changed line, and a target file of the profile."""

    @property
    def profile(self) -> str:
        """The class of the target."""
        return "file-logger" if self.reference == LOGGER else "custom-instrument"

    def target(self, folder: Path) -> str:
        """Make the patched copy, and the text of its target file."""
        claims = '["survives-kill"]' if self.as_command else "[]"
        head = f'class = "{self.profile}"\nname = "{self.reference}"\nclaims = {claims}\n'
        place = self.placed(folder).replace(_WITH_DISCOVERY, _WITHOUT)
        return f"[target]\n{head}{place}"


_BY_CHANCE_BESIDE = {"DEVICE-MASK-TOGETHER", "DEVICE-MASK-WRITE"}
"""Violations that the examples beside find, too, on some runs and not on others."""


def _wrong(requirement: str, name: str, words: str, patch: ProfilePatch) -> Wrong:
    is_race = requirement == "DEVICE-MASK-TOGETHER"  # whose example finds by chance only
    return Wrong(
        name=f"{patch.profile}: {name}",
        conformance_class=patch.profile,
        requirement=requirement,
        words=words,
        target=patch.target,
        checks="all_count" if is_race else "",
        beside="" if requirement in _BY_CHANCE_BESIDE else "test_examples",
        budget="default" if is_race else "quick",
        origin=f"{patch.file}: {patch.old}  →  {patch.new}",
    )


logger = partial(ProfilePatch, LOGGER)
instrument = partial(ProfilePatch, INSTRUMENT)

WRONG = [
    # What stands in a log
    _wrong("LOGGER-LINE", "a record has line ends inside", "a line of the log is no JSON object",
           logger(SERVER, 'line = f"{text}\\n".encode()',
                  'line = text.replace(",", ",\\n").encode() + b"\\n"')),
    _wrong("LOGGER-LINE", "is written when the session is closed", "is not in the log",
           logger(SERVER, _APPENDS, "log.__dict__.setdefault('later', []).append(_line(request))")),
    _wrong("LOGGER-LINE", "the line end is left out", "a line of the log is no JSON object",
           logger(SERVER, 'line = f"{text}\\n".encode()', "line = text.encode()")),
    _wrong("LOGGER-ONCE", "every record twice", "is 2 times in the log",
           logger(SERVER, _APPENDS, f"{_APPENDS}; {_APPENDS}")),
    _wrong("LOGGER-FIELDS", "outputs are left out", "other than it was sent",
           logger(SERVER, _OUTPUTS, "f'\"measurement_outputs\":{{}}}}'")),
    _wrong("LOGGER-FIELDS", "names lose what is not ASCII", "as they were sent",
           logger(SERVER, _NAME, "f'\"measurement_name\":"
                  "{_quoted(request.measurement_name.encode(\"ascii\", \"ignore\").decode())},'")),
    _wrong("LOGGER-TIME-SENT", "its own time always", "with another time",
           logger(SERVER, 'if not request.HasField("timestamp"):', "if True:")),
    _wrong("LOGGER-TIME-SENT", "milliseconds only", "with another time",
           logger(SERVER, _TIME, _TIME.replace("1000:06", "1_000_000:03"))),
    _wrong("LOGGER-TIME-OWN", "the year 1970 when none was sent", "with another time",
           logger(SERVER, 'if not request.HasField("timestamp"):', "if False:")),
    _wrong("LOGGER-ORDER", "the newest record first", "the log has",
           logger(SERVER, _APPENDS, "from pathlib import Path as P; p = P(log._file.path); "
                  "p.write_bytes(_line(request) + p.read_bytes())")),
    _wrong("LOGGER-REFUSED", "writes, then answers an error", "was refused and is in the log",
           logger(SERVER, _APPENDS, f'{_APPENDS}; raise InvalidRequestError("no")')),
    # Logs that exist
    _wrong("LOGGER-APPENDS", "an old log is emptied", "does not begin with the lines that it had",
           logger(_TAKING_OVER, "last = _check(descriptor, path, waited_for) if "
                  "os.fstat(descriptor).st_size else None",
                  "last = None; os.ftruncate(descriptor, 0)")),
    _wrong("LOGGER-LAST-LINE", "a last line gets no end", "a line of the log is no JSON object",
           logger(_TAKING_OVER, 'os.write(descriptor, b"\\n")', "pass")),
    _wrong("LOGGER-NOT-A-LOG", "any file is a log", "INVALID_ARGUMENT is due, not OK",
           logger(_TAKING_OVER, "if fault and not (ends_here and _is_torn(line)):", "if False:")),
    _wrong("LOGGER-NOT-A-LOG", "only the first line is looked at", "INVALID_ARGUMENT is due",
           logger(_TAKING_OVER, "begin += len(line)", "return None")),
    _wrong("LOGGER-SUFFIX", "any suffix", "INVALID_ARGUMENT is due, not OK",
           logger(SERVER, _SUFFIX, "if False:")),
    _wrong("LOGGER-SUFFIX", "makes the file, then refuses it", "a file is there now",
           logger(SERVER, _SUFFIX, "if not path.lower().endswith(_SUFFIXES) and [_make(path)]:")),
    _wrong("LOGGER-KILLED", "acknowledges what is in its memory", "is not in the log",
           logger("log_file.py", "written += os.write(descriptor, line[written:] if written "
                  "else line)", "self.__dict__.setdefault('kept', []).append(line); written = "
                  "len(line); len(self.kept) > 9 and (os.write(descriptor, b''.join(self.kept)), "
                  "self.kept.clear())", as_command=True)),
    # What an instrument answers
    _wrong("DEVICE-DEFAULTS", "registers begin with 0", "is due, not 0x00",
           instrument(_DEVICE, "address: kept.get(address, default) for address, default in "
                      "registers.values()", "address: kept.get(address, 0) for address, default in "
                      "registers.values()")),
    _wrong("DEVICE-READ-BACK", "a write does nothing", "is due, not",
           instrument(_DEVICE, f"self._values[address] = {_VALUE}", _VALUE)),
    _wrong("DEVICE-REGISTER-UNKNOWN", "letters are folded", "INVALID_ARGUMENT is due, not OK",
           instrument(_DEVICE, "register = self._registers.get(name)",
                      "register = self._registers.get(name.upper())")),
    _wrong("DEVICE-VALUE-RANGE", "a value above 255 is cut off", "INVALID_ARGUMENT is due, not OK",
           instrument(_DEVICE, f"self._values[address] = {_VALUE}",
                      "self._values[address] = value & HIGHEST")),
    _wrong("DEVICE-GPIO-BACK", "every line of a port goes with one", "is due, not",
           instrument(_DEVICE, "self.write_port(port, _bit(channel), HIGHEST if state else 0)",
                      "self.write_port(port, HIGHEST, HIGHEST if state else 0)")),
    _wrong("DEVICE-GPIO-BACK", "a line that is set stays set", "is due, not",
           instrument(_DEVICE, _WRITES, "self._ports[port] |= state & mask")),
    _wrong("DEVICE-MASK-WRITE", "the mask of a write is not looked at", "is due, not",
           instrument(_DEVICE, _WRITES, "self._ports[port] = state & mask")),
    _wrong("DEVICE-MASK-READ", "the mask of a read is not looked at", "has bits beyond it",
           instrument(_DEVICE, "return self._ports[port] & mask", "return self._ports[port]")),
    _wrong("DEVICE-MASK-TOGETHER", "reads, waits, writes", "each set",
           instrument(_DEVICE, _WRITES, "before = self._ports[port]; self._lock.release(); "
                      "__import__('time').sleep(0.001); self._lock.acquire(); "
                      "self._ports[port] = before & ~mask | state & mask")),
    _wrong("DEVICE-GPIO-RANGE", "nothing but values is looked at", "INVALID_ARGUMENT is due, not",
           instrument(_DEVICE, "if not 0 <= number <= highest:",
                      'if what == "value" and number > highest:')),
    _wrong("DEVICE-REFUSED", "writes, then looks at the value", "is due, not",
           instrument(_DEVICE, f"self._values[address] = {_VALUE}",
                      f"self._values[address] = value & HIGHEST; {_VALUE}")),
    _wrong("DEVICE-SEPARATE", "all instruments have the same registers", "is due, not",
           instrument(SERVER, "instrument = self._bench.take(request.resource_name)",
                      "instrument = self.__dict__.setdefault('one', self._bench.take('one'))")),
    _wrong("DEVICE-KEEPS", "every session begins anew", "is due, not",
           instrument(SERVER, _SETS_UP, "instrument.set_up(registers, reset=True)")),
    _wrong("DEVICE-RESET", "reset is not looked at", "is due, not",
           instrument(SERVER, _SETS_UP, "instrument.set_up(registers, reset=False)")),
    _wrong("DEVICE-RESET", "GPIO is not reset", "is due, not",
           instrument(_DEVICE, "if reset:", "if False:")),
    _wrong("DEVICE-ATTACH-KEEPS", "attaching resets", "is due, not",
           instrument(TABLE, _ATTACHES, "device = slot.session.resource; "
                      f"device.set_up(device._registers, reset=True); {_ATTACHES}")),
    _wrong("DEVICE-MAP-BAD", "a name twice: the last one counts", "INVALID_ARGUMENT is due, not OK",
           instrument(_REGISTERS, "if name in registers:", "if False:")),
    _wrong("DEVICE-MAP-BAD", "the line is not told", "does not name line",
           instrument(_REGISTERS, 'return InvalidRequestError(f"is refused: line {line} {what}.")',
                      'return InvalidRequestError(f"is refused: {what}.")')),
]  # fmt: skip
