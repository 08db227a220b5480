"""Pin maps of a sequence: what is filled in, which resources they have, and one with more sites."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from session_contract.subject.target import TargetError


@dataclass(frozen=True)
class Resource:
    """An instrument of a pin map that has a type of its own."""

    name: str
    type_id: str


def resources(xml: str, types: Collection[str]) -> list[Resource]:
    """The instruments with these types, or with any when none are given.

    Raises:
        TargetError: The pin map is no XML, or has none of them.
    """
    found = [
        Resource(each.get("name", ""), each.get("instrumentTypeId", ""))
        for each in _root(xml).iter()
        if _tag(each) == "Instrument"
    ]
    kept = [resource for resource in found if not types or resource.type_id in types]
    if not kept:
        there = ", ".join(sorted({resource.type_id for resource in found})) or "none"
        raise TargetError(
            "[sequence] pin_map: the pin map has no Instrument of the types "
            f"{', '.join(types) or 'that are looked for'}; there are {there}."
        )
    return kept


def with_another_site(xml: str) -> str:
    """The pin map with one more site, whose pins are connected to the same instruments."""
    root = _root(xml)
    sites = [each for each in root.iter() if _tag(each) == "Site"]
    numbers = [int(site.get("siteNumber", "0")) for site in sites]
    new = str(max(numbers, default=-1) + 1)
    for parent in list(root.iter()):
        for child in list(parent):
            if child in sites[:1] or _is_of_first_site(child, sites):
                twin = copy.deepcopy(child)
                twin.set("siteNumber", new)
                parent.append(twin)
    return ET.tostring(root, encoding="unicode")


def _is_of_first_site(element: ET.Element, sites: list[ET.Element]) -> bool:
    first = sites[0].get("siteNumber") if sites else None
    return _tag(element) == "Connection" and element.get("siteNumber") == first


def _root(xml: str) -> ET.Element:
    try:
        return ET.fromstring(xml.lstrip("\ufeff").encode())
    except ET.ParseError as error:
        raise TargetError(f"[sequence] pin_map is no XML: {error}.") from None


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
