"""archive.form.proof: what proves that a series lacks nothing: its own ids, another series beside it, or nothing at all. Pure.

Ids prove where each follows from the one before it (`RecordFacts.contiguous`, `previous_key`): a record that never came leaves a hole.
A book that the venue cuts at the moments of its deltas (`VenueSpec.same_cut`) is proven by them while they are recorded, too. Ids that
only grow, and payloads without any, prove nothing: what is recorded of such a series is there, and nobody can say that it is all.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.venues.registry import channels_for, possible
from hoga.venues.spec import ChannelSpec, VenueSpec

__all__ = ["Proof", "cut_alike", "proof_of"]


class Proof(NamedTuple):
    """`itself`: its own ids. `beside`: the kind of the series whose ids do, None when there is no such series."""

    itself: bool
    beside: str | None


def proof_of(venue: str, kind: str, streams: str) -> Proof:
    """What proves a series. `streams`: the wire names that fed it, joined by `,`; where they say nothing, all that can feed the kind."""
    names = _channels_of(streams)
    found = [_described(spec, name) for spec in possible(venue) for name in names]
    channels = [each for each in found if each is not None] or channels_for(venue, kind)
    if channels and all(each.record.contiguous or each.record.previous_key is not None for each in channels):
        return Proof(itself=True, beside=None)
    partners = {spec.channel_of(other).kind for spec in possible(venue) for one, other in spec.same_cut if names == {one}}
    return Proof(itself=False, beside=next(iter(partners), None))


def cut_alike(venue: str, book: str, deltas: str) -> bool:
    """Whether the venue gives the books and the deltas of these wire names the same ids."""
    channels = (_channels_of(book), _channels_of(deltas))
    return any(channels == ({one}, {other}) for spec in possible(venue) for one, other in spec.same_cut)


def _channels_of(streams: str) -> set[str]:
    return {name.partition("@")[2] for name in streams.split(",") if name}


def _described(spec: VenueSpec, channel: str) -> ChannelSpec | None:
    try:
        return spec.channel_of(channel)
    except ValueError:
        return None
