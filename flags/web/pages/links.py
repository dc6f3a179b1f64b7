"""A flag's links as people type them: one a line, what it is and then its address. Pure."""

from flags.model import Link


def links_of(text: str) -> tuple[Link, ...]:
    """The links typed; empty lines are left out. Whether an address is one is checked with the edit."""
    return tuple(_link(line.strip()) for line in text.splitlines() if line.strip())


def text_of_links(links: tuple[Link, ...]) -> str:
    """Stored links as the form shows them."""
    return "\n".join(f"{link.label} {link.url}".strip() for link in links)


def _link(line: str) -> Link:
    *label, url = line.split()
    return Link(" ".join(label), url)
