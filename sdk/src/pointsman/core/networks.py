"""Networks and addresses, as conditions compare them."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, TypeAlias

Address: TypeAlias = tuple[int, int]
"""Its number and IP version."""
Spans: TypeAlias = dict[int, tuple[list[int], list[int]]]
"""By IP version: the first address of each run of networks, and the address after its last."""

_MAPPED: Final = 0xFFFF << 32


def spans_of(networks: Iterable[str]) -> Spans:
    """The networks, each in CIDR notation or one address, merged. ValueError: one that is neither."""
    runs: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for text in networks:
        version, first, size = _network(text)
        runs[version].append((first, first + size))
    return {version: _merged(found) for version, found in runs.items()}


def address_of(text: str) -> Address | None:
    """The address; None: it is none.

    An IPv4 address written as IPv6 (``::ffff:192.0.2.1``) counts as IPv4.
    """
    from ipaddress import ip_address

    if "%" in text:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    number, version = int(found), found.version
    return (number - _MAPPED, 4) if version == 6 and number >> 32 == 0xFFFF else (number, version)


def contains(spans: Spans, address: Address) -> bool:
    """Whether one of the networks holds the address."""
    number, version = address
    firsts, ends = spans[version]
    at = bisect_right(firsts, number) - 1
    return at >= 0 and number < ends[at]


def _network(text: str) -> tuple[int, int, int]:
    from ipaddress import ip_network

    address, slash, prefix = text.partition("/")
    if "%" in address or (slash and not (prefix.isascii() and prefix.isdigit())):
        raise ValueError(f"{text!r:.80} is no network such as 10.0.0.0/8 or 2001:db8::/32")
    network = ip_network(text)
    first = int(network.network_address)
    if network.version == 6 and first >> 32 == 0xFFFF:
        raise ValueError(f"write {text!r:.80} as the IPv4 network it stands for")
    return network.version, first, network.num_addresses


def _merged(runs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    firsts: list[int] = []
    ends: list[int] = []
    for first, end in sorted(runs):
        if ends and first <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            firsts.append(first)
            ends.append(end)
    return firsts, ends
