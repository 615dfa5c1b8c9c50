"""What an export ships, whatever its target: one verified version and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from assay.deploy.bundle import Bundle, load_bundle
from assay.deploy.operators import Needs, read_needs
from assay.model.facts import GraphFacts, graph_facts
from assay.records import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.model.quantise import Int8Report


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """A verified version, the graph to ship, and the words that go with it.

    Attributes
    ----------
    bundle : Bundle
        Verified, in memory.
    folder : Path
        Where the bundle lies, all its files included.
    card : bytes
        The model card, Markdown.
    graph : bytes
        The hallmarked graph itself, or its int8 form.
    int8 : Int8Report or None
        What was measured, where `graph` is the int8 form.
    """

    bundle: Bundle
    folder: Path
    card: bytes
    graph: bytes
    int8: Int8Report | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.name

    @cached_property
    def digest(self) -> str:
        """``sha256:<hex>`` of the graph that is shipped."""
        return digest(self.graph)

    @cached_property
    def needs(self) -> Needs:
        """What the graph asks of the runtime."""
        return read_needs(self.graph)

    @cached_property
    def facts(self) -> GraphFacts:
        """What the graph says of itself."""
        return graph_facts(self.graph)


def load_shipment(folder: Path, *, trusted_keys: Sequence[str], card: bytes) -> Shipment:
    """Verify a bundle, and make it ready to ship; see `load_bundle` for what is raised."""
    bundle = load_bundle(folder, trusted_keys)
    return Shipment(bundle=bundle, folder=folder, card=card, graph=bundle.graph)
