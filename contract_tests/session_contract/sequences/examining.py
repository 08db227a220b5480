"""Goes through a sequence step by step, for ``session-contract doctor``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from session_contract.doctor import Step
from session_contract.sequences.judging import judge
from session_contract.sequences.target import SequenceTarget
from session_contract.sequences.telling import told
from session_contract.subject.record import Journal
from session_contract.subject.target import AnyTarget, TargetError


def examine(target: AnyTarget, folder: Path) -> Generator[Step, None, None]:
    """Go through a target that was read already: what it needs, and one run.

    Raises:
        Unreachable: A server or a plug-in does not start.
    """
    # Only here: it brings the fakes, which other classes do without.
    from session_contract.sequences.environment import open_stage

    assert isinstance(target, SequenceTarget)
    try:
        with open_stage(target, folder, Journal()) as stage:
            for server in stage.servers:
                yield Step("server", f"{server.about.target.identity.name} answers")
            yield Step("pin map", f"has {', '.join(stage.resources)}")
            run = stage.run()
    except TargetError as error:
        yield Step("target", str(error), failed=True)
        return
    for step in run.steps:
        said = f"{step.name} fails: {step.error}" if step.failed else step.name
        yield Step(step.section, said, failed=step.failed)
    opened = [call for call in run.calls if call.call == "Initialize"]
    if opened:
        yield Step("sessions", f"{len(opened)} Initialize calls were seen")
    else:
        text = "No Initialize came: let the steps find their server by Discovery, as NI's do."
        yield Step("sessions", text, failed=True)
    finding = judge(told([run], stage.resources))
    if finding is not None:
        yield Step("judge", f"{finding.requirement}: {finding.sentence}")
