"""Points NI's SDK of a process at a fake Discovery; Python imports this file at its start.

It runs in environments that are not ours: the standard library of Python 3.9 is all it may use, and
whatever goes wrong here must not reach the program. Without ``SESSION_FAKES_DISCOVERY`` it does
nothing but hand over to the next ``sitecustomize`` on the path, which this one hides.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False  # `typing` would cost every start of Python some milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

DISCOVERY = "SESSION_FAKES_DISCOVERY"
REPORT = "SESSION_FAKES_BOOTSTRAP_REPORT"
CALLER_KEY = "session-fakes-caller"
PROCESS_KEY = "session-fakes-process"
STEP_KEY = "session-fakes-step"

LOOKUP = "_get_discovery_service_address"
_SDK_3 = "ni.measurementlink.discovery.v1.client"
_SDK_2 = "ni_measurement_plugin_sdk_service.discovery"
LOOKUPS = (f"{_SDK_3}._support", f"{_SDK_3}._client", f"{_SDK_2}._support", f"{_SDK_2}._client")
POOLS = ("ni_grpc_extensions.channelpool", "ni_measurement_plugin_sdk_service.grpc.channelpool")
HOST = "ni_measurement_plugin_sdk_service._internal.service_manager"

_NOT_CALLERS = (
    *("grpc", "contextlib", "session_fakes", "sitecustomize"),
    *("ni.measurementlink", "ni_grpc_extensions", "ni_measurement_plugin_sdk_service"),
)
_LONGEST = 200

STEPS: dict[int, str] = {}
"""The step of a sequence that each thread is at, by the thread's id."""


class Hook:
    """A finder of modules that finds none: it patches those of NI's SDK as they are imported."""

    def __init__(
        self, address: str, report: Callable[[str, str], None], *, tag_calls: bool = True
    ) -> None:
        self.address = address
        self._report = report
        self._patches: dict[str, Callable[[ModuleType], str]]
        self._patches = dict.fromkeys(LOOKUPS, self._redirect)
        self._patches[HOST] = self._leave_ipv6
        if tag_calls:
            self._patches.update(dict.fromkeys(POOLS, self._tag))
        self._undo: list[tuple[object, str, object]] = []

    def install(self) -> None:
        """Patch what is imported already, and what will be."""
        sys.meta_path.insert(0, self)  # type: ignore[arg-type, unused-ignore]
        for name in self._patches:
            if name in sys.modules:
                self.patch(sys.modules[name])

    def remove(self) -> None:
        """Put everything back as it was found."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)  # type: ignore[arg-type, unused-ignore]
        while self._undo:
            setattr(*self._undo.pop())

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find it; have a module of ours patched once it is loaded."""
        if name not in self._patches or self not in sys.meta_path:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:  # type: ignore[arg-type, unused-ignore]
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _PatchingLoader(spec.loader, self.patch)  # type: ignore[assignment, unused-ignore]
                return spec
        return None

    def patch(self, module: ModuleType) -> None:
        """Patch one of NI's modules and report it; a module unlike those we know, too."""
        try:
            patched = self._patches[str(module.__name__)](module)
        except Exception as error:  # a module of NI's unlike those we know may do anything
            self._report("error", f"{module.__name__}: {type(error).__name__}: {error}")
            return
        if patched:
            self._report("patched", patched)

    def _set(self, owner: object, name: str, value: object, original: object) -> None:
        self._undo.append((owner, name, original))
        setattr(owner, name, value)

    def _redirect(self, module: ModuleType) -> str:
        original = getattr(module, LOOKUP)
        if getattr(original, "session_fakes_hook", None) is self:
            # Imported by name from the module beside it that is patched already.
            original = original.__wrapped__
        self._set(module, LOOKUP, _lookup(self, original), original)
        return f"{module.__name__}.{LOOKUP}"

    def _tag(self, module: ModuleType) -> str:
        pool = module.GrpcChannelPool
        if pool.__module__ != module.__name__:
            return ""  # it is imported there from NI's newer package
        original = pool.__dict__["_create_channel"]

        def create_channel(pool: object, target: str) -> Any:  # noqa: ANN401 - NI's own type
            return _TaggedChannel(original(pool, target))

        module.grpc.Channel.register(_TaggedChannel)
        self._set(pool, "_create_channel", create_channel, original)
        return f"{module.__name__}.GrpcChannelPool._create_channel"

    def _leave_ipv6(self, module: ModuleType) -> str:
        if has_ipv6_loopback():
            return ""
        original = module.grpc
        self._set(module, "grpc", _GrpcOnIpv4(original), original)
        return f"{module.__name__}.grpc: 127.0.0.1 in place of [::1], which this machine lacks"


class _PatchingLoader:
    """The loader of a module, and afterwards the patch; the module never sees this one."""

    def __init__(self, loader: Loader, patch: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._patch = patch

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patch(module)


class _GrpcOnIpv4:
    """The module ``grpc`` as NI's plug-in host sees it where there is no IPv6 loopback."""

    def __init__(self, original: ModuleType) -> None:
        self._original = original

    def __getattr__(self, name: str) -> object:
        return getattr(self._original, name)

    def server(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on as they are
        server = self._original.server(*args, **options)
        add = server.add_insecure_port

        def add_insecure_port(address: str) -> Any:  # noqa: ANN401 - passed on
            return add(address.replace("[::1]:", "127.0.0.1:"))

        server.add_insecure_port = add_insecure_port
        return server


def _lookup(hook: Hook, original: Callable[[], str]) -> Callable[[], str]:
    def fake_address() -> str:
        host, _, port = hook.address.rpartition(":")
        if not host or not port.isdigit():
            # Never the real station instead: the call fails, and says why.
            raise ValueError(f"{DISCOVERY} is {hook.address[:_LONGEST]!r}; it has to be host:port")
        return hook.address

    vars(fake_address).update(session_fakes_hook=hook, __wrapped__=original)
    return fake_address


def has_ipv6_loopback() -> bool:
    """Try whether a server could listen on ``[::1]`` here."""
    import socket

    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class _TaggedChannel:
    """NI's channel with one more trait: calls of NI's services say in metadata who makes them.

    An interceptor would do the same, and make each call a sixth slower.
    """

    def __init__(self, channel: Any) -> None:  # noqa: ANN401 - a channel of any kind
        self._channel = channel

    def __getattr__(self, name: str) -> object:
        return getattr(self._channel, name)

    def __enter__(self) -> _TaggedChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def unary_unary(self, method: str, *args: object, **options: object) -> object:
        call = self._channel.unary_unary(method, *args, **options)
        return _TaggedMethod(call) if method.startswith("/ni.measurementlink.") else call


class _TaggedMethod:
    """A method of a stub in its three forms; who calls is looked up at each call."""

    def __init__(self, method: Any) -> None:  # noqa: ANN401 - a grpc.UnaryUnaryMultiCallable
        self.with_call = _tagging(method.with_call)
        self.future = _tagging(method.future)
        self._call = _tagging(method)

    def __call__(self, *args: object, **options: object) -> object:
        return self._call(*args, **options)


def _tagging(call: Callable[..., object]) -> Callable[..., object]:
    def tagged(
        request: object,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, object]] | None = None,
        *args: object,
        **options: object,
    ) -> object:
        known = {key for key, _ in metadata or ()}
        added = [tag for tag in tags() if tag[0] not in known]
        return call(request, timeout, [*(metadata or ()), *added], *args, **options)

    return tagged


_scripts: dict[str, str] = {}
"""Names of scripts with their folder, by how they were started: looked up once, calls are many."""


def tags() -> list[tuple[str, str]]:
    """Who calls: the process and its script, and the first line that is neither NI's nor ours."""
    script = sys.argv[0] if sys.argv and sys.argv[0] else sys.executable
    if script not in _scripts:
        parts = os.path.realpath(script).replace(os.sep, "/").split("/")
        # What was started by its module, as pytest is, has no name but that of its folder.
        _scripts[script] = parts[-2] if parts[-1] == "__main__.py" else "/".join(parts[-2:])
    found = [(PROCESS_KEY, f"{os.getpid()} {_scripts[script]}"), (CALLER_KEY, _caller())]
    found.append((STEP_KEY, STEPS.get(get_ident(), "")))
    return [(key, _plain(value)) for key, value in found if value]


def _caller() -> str:
    frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - documented
    while frame is not None:
        package = frame.f_globals.get("__name__", "")
        if not any(package == name or package.startswith(f"{name}.") for name in _NOT_CALLERS):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment, unused-ignore]
    return ""


def _plain(text: str) -> str:
    """Text as a header may carry it, the end of it when it is long."""
    shown = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
    return shown[-_LONGEST:].strip()


def _write_report(kind: str, text: str) -> None:
    path = os.environ.get(REPORT)
    if not path:
        return
    try:
        import json

        python = ".".join(str(part) for part in sys.version_info[:3])
        line = {"pid": os.getpid(), "python": python, "executable": sys.executable, kind: text}
        with open(path, "ab", buffering=0) as file:  # noqa: PTH123 - pathlib costs time
            file.write(json.dumps(line).encode() + b"\n")
    except Exception:
        pass  # a report that cannot be written must not stop a plug-in


def _start() -> None:
    address = os.environ.get(DISCOVERY)
    if not address or any(type(finder).__name__ == "_Bootstrap" for finder in sys.meta_path):
        return
    try:
        _write_report("loaded", address)
        _Bootstrap(address, _write_report).install()
    except Exception as error:  # the program goes on without a station, and the report says why
        _write_report("error", f"{type(error).__name__}: {error}")


class _Bootstrap(Hook):
    """The hook of this process; one is enough, however often this file is imported."""


def _chain() -> None:
    """Run the ``sitecustomize`` that this one hides, and let it take this one's place."""
    from importlib.machinery import PathFinder

    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib costs time
    places = [os.path.realpath(place) for place in sys.path]
    rest = sys.path[places.index(here) + 1 :] if here in places else sys.path
    spec = PathFinder.find_spec("sitecustomize", [place for place in rest if place])
    if spec is None or spec.loader is None or spec.origin == __file__:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    # Its exceptions are its own: Python reports them as it would without us.
    spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    _start()
    _chain()
