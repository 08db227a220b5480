"""No document of the house is left out: its links lead somewhere, what it shows is run somewhere.

``test_documents`` runs most of it. What stands elsewhere is named here, with who runs it there.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from session_contract import schemas
from session_contract.cli import cli as contract
from session_contract.subject.toml_files import read_toml
from session_fakes.cli.app import cli as fakes

if TYPE_CHECKING:
    from tests import test_documents as shown
else:
    shown = importlib.import_module("test_documents")

HOUSE = shown.HOUSE
RUN_BLOCK_BY_BLOCK, GUIDES = shown.DOCUMENTS, shown.GUIDES
PROGRAMS: dict[str, click.Command] = {"session-contract": contract, "session-fakes": fakes}
MADE = {"node_modules", "site-build", "contract-results", "build", "dist"}
EVERY = sorted(
    path
    for path in HOUSE.rglob("*.md")
    if not any(part in MADE or part.startswith(".") for part in path.relative_to(HOUSE).parts)
)
TEMPLATE = HOUSE / "contract_tests/session_contract/scaffold/template"
ELSEWHERE = {
    "session-contract compare": ("contract_tests/tests/test_results_diff.py", '"compare", MET'),
    "session-contract diff": ("contract_tests/tests/test_results_diff.py", '"diff"'),
    "session-contract judge": ("contract_tests/tests/test_judge_command.py", '["judge", *argu'),
    "session-contract lint --fix": ("contract_tests/tests/test_lint_command.py", '"--fix"'),
    "session-contract list --class": ("contract_tests/tests/test_cli.py", '"--class"'),
    "session-contract replay": ("contract_tests/tests/test_run_command.py", '"replay", name'),
    "session-contract run --address --proto": (
        "examples/offline/node_lock.py", '"--address", address, *_PROTO',
    ),
    "session-contract run --client --proto": (
        "contract_tests/tests/test_client_targets.py", '"--client"',
    ),
    "session-contract run --command --proto": (
        "examples/offline/node_lock.py", '"--command", _FORGETFUL, *_PROTO',
    ),
    "session-contract run --station": (
        "contract_tests/tests/test_station_targets.py", '"run", "--station"',
    ),
    "session-contract run --target": (
        "contract_tests/new_projects/check.py", 'commands(project, "Check")',
    ),
    "session-contract run-all": ("contract_tests/tests/test_run_all_command.py", '"run-all"'),
    "session-contract schema": ("contract_tests/tests/test_schemas.py", '"target", "-o"'),
    "session-fakes demo --svg": ("fakes/tests/test_demo.py", '"demo", "--svg"'),
    "session-fakes run": ("contract_tests/tests/test_documents.py", "session-fakes run --pin-map"),
    "session-fakes sequence --cleanup --main --setup": (
        "fakes/tests/test_sequence_command.py", '"--cleanup"',
    ),
}  # fmt: skip
"""Commands that no guide runs, without what is filled in, and where they are run."""
FOLLOWED = {
    "contract_tests/session_contract/scaffold/template/README.md": "test_new_projects.py",
    "contract_tests/mutation/README.md": "noxfile.py",
    "examples/node_lock/README.md": "node_lock.py",
    "reference_impl/session_reference/custom_instrument/README.md": "test_reference_readmes.py",
    "reference_impl/session_reference/file_logger/README.md": "test_reference_readmes.py",
}
"""Documents whose other blocks are run by somebody else."""


def name_of(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def is_template(path: Path) -> bool:
    return path.is_relative_to(TEMPLATE)


# Links


def targets_of(text: str) -> Iterator[str]:
    """What the links of a document lead to, without those to the world."""
    prose = re.sub(r"^(`{3,}).*?^\1$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"\]\((?!\w+:)([^)\s]+)\)", prose)


def anchors(path: Path) -> set[str]:
    """The anchors of the headings of a document, as they are made for GitHub and for the site."""
    headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [heading.lower().replace("`", "") for heading in headings]
    github = {re.sub(r"[^\w -]", "", each).replace(" ", "-") for each in plain}
    return github | {re.sub(r"[^a-z0-9]+", "-", each).strip("-") for each in plain}


def broken(path: Path, text: str) -> list[str]:
    """The links that lead nowhere."""
    found: list[str] = []
    for target in targets_of(text):
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            found.append(target)
    return found


@pytest.mark.parametrize("path", [p for p in EVERY if not is_template(p)], ids=name_of)
def test___document___its_links___lead_somewhere(path: Path) -> None:
    assert broken(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](README.md)", []),
        ("[a](nothing.md)", ["nothing.md"]),
        ("[a](README.md#no-such-heading)", ["README.md#no-such-heading"]),
        ("[a](CONTRIBUTING.md#the-house) [b](https://example.com/x)", []),
        ("```\n[a](nothing.md)\n```\n`[a](nothing.md)`", []),
    ],
)
def test___links___of_a_document___those_that_are_broken_are_found(
    text: str, found: list[str]
) -> None:
    assert broken(HOUSE / "some.md", text) == found


# Commands


def shape(words: Sequence[str]) -> str:
    """A command without what its user fills in: its names, and its flags in their order."""
    own = list(words[1 : words.index("--")] if "--" in words else words[1:])
    names = own[: 2 if own[0] == "fault" else 1] if not own[0].startswith("-") else []
    flags = sorted({word for word in own if word.startswith("-")})
    return " ".join([words[0], *names, *flags])


def commands_of(path: Path) -> Iterator[list[str]]:
    """The commands of ours that a document shows, in its blocks and in its text."""
    text = path.read_text(encoding="utf-8")
    for block in shown.blocks(text, name_of(path)):
        if not block.language and not block.file:
            yield from (words for words in block.commands if words[0] in PROGRAMS)
    prose = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", prose):
        words = shlex.split(span) if span.startswith(tuple(PROGRAMS)) else []
        if len(words) > 1 and words[0] in PROGRAMS:
            yield words


def is_mention(words: Sequence[str]) -> bool:
    """Whether a command is only called by its name."""
    return len(words) == 2 or words[1:] == ["fault"]


RUN = {
    shape(words)
    for path in (*RUN_BLOCK_BY_BLOCK, *GUIDES)
    for block in shown.blocks_of(path)
    if not block.language and not block.file and not block.is_checked_elsewhere
    for words in block.commands
    if words[0] in PROGRAMS
}


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test___document___its_commands___are_run_by_some_test(path: Path) -> None:
    unknown = {
        shlex.join(words)
        for words in commands_of(path)
        if not is_mention(words) and shape(words) not in RUN | set(ELSEWHERE)
    }

    assert unknown == set()


@pytest.mark.parametrize("command", ELSEWHERE)
def test___command_that_is_run_elsewhere___looked_for___is_there(command: str) -> None:
    place, text = ELSEWHERE[command]

    assert text in (HOUSE / place).read_text(encoding="utf-8")
    assert command not in RUN


def parsed(words: Sequence[str]) -> None:
    """Let click read a command, without running it; what the user fills in may be missing."""
    group = PROGRAMS[words[0]]
    rest = list(words[1 : words.index("--")] if "--" in words else words[1:])
    context = click.Context(group, info_name=words[0])
    while rest and isinstance(group, click.Group):
        found = group.get_command(context, rest[0])
        if found is None:
            assert rest[0].startswith("-"), f"{rest[0]} is no command of {context.info_name}"
            break
        group, context = found, click.Context(found, info_name=rest.pop(0), parent=context)
    group.make_parser(context).parse_args(rest)


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test___document___its_commands___are_understood(path: Path) -> None:
    for words in commands_of(path):
        parsed(words)


@pytest.mark.parametrize("command", ["session-contract rum", "session-fakes run --pinmap x"])
def test___command_that_is_none___parsed___is_found(command: str) -> None:
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(shlex.split(command))


# Blocks that are no commands


def is_run(block: shown.Block, path: Path) -> bool:
    """Whether a block is run, compared or validated by some test."""
    if path in RUN_BLOCK_BY_BLOCK or path in GUIDES or name_of(path) in FOLLOWED:
        return True
    if block.language in ("toml", "jsonl", "markdown", "example"):
        return True  # here, or with the requirements
    return not block.language and all(w[0] in ("nox", *PROGRAMS) for w in block.commands)


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test___document___its_blocks___are_run_by_some_test(path: Path) -> None:
    assert [block.place for block in shown.blocks_of(path) if not is_run(block, path)] == []


@pytest.mark.parametrize("name", FOLLOWED)
def test___document_that_somebody_else_follows___looked_for___is_there(name: str) -> None:
    assert (HOUSE / name).exists()
    assert [*HOUSE.glob(f"*/*/{FOLLOWED[name]}"), *HOUSE.glob(FOLLOWED[name])]


TOML = [
    block
    for path in EVERY
    for block in shown.blocks_of(path)
    if block.language == "toml" and "[target]" in block.text
]
LINES = [block for path in EVERY for block in shown.blocks_of(path) if block.language == "jsonl"]


def validated(data: object, schema: str) -> list[str]:
    """What a schema finds wrong."""
    validators: Any = importlib.import_module("jsonschema").validators
    loaded = json.loads(schemas.schema(schema))
    found = validators.validator_for(loaded)(loaded).iter_errors(data)
    return [fault.message for fault in found]


def test___blocks___looked_through___have_target_files_and_lines() -> None:
    assert len(TOML) >= 3
    assert len(LINES) == 1


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.place)
def test___target_file_of_a_document___validated___is_good(
    block: shown.Block, tmp_path: Path
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(block.text, encoding="utf-8")

    assert validated(read_toml(path).data, "target") == []


@pytest.mark.parametrize("block", LINES, ids=lambda block: block.place)
def test___lines_of_a_document___validated___are_good(block: shown.Block) -> None:
    for line in block.text.splitlines():
        assert validated(json.loads(line), "client-lines") == []
