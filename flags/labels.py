"""What people say about a flag beside its values: tags, owner, links. Nothing of it is ever served. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from flags import limits
from flags.model import FlagEdit
from flags.payloads import Problem
from flags.validation import check_key, check_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What somebody looks for: every tag, the owner, and part of a key or name."""

    text: str
    tags: tuple[str, ...] = ()
    owner: str = ""


def read_search(typed: str) -> Search:
    """``tag:nlp owner:ada rank`` as a search; words that name no filter stay together as text."""
    tags, owner, words = [], "", []
    for word in typed.split():
        name, colon, value = word.partition(":")
        if colon and value and name == "tag":
            tags.append(value)
        elif colon and value and name == "owner":
            owner = value
        else:
            words.append(word)
    return Search(text=" ".join(words), tags=tuple(tags), owner=owner)


def check_labels(edit: FlagEdit) -> Iterator[Problem]:
    """Tags, owner and links of an edit; what it leaves alone is not looked at."""
    yield from _check_tags(edit.tags or ())
    yield from check_text("owner", edit.owner or "", most=limits.NAME_CHARACTERS)
    links = edit.links or ()
    if len(links) > limits.LINKS_PER_FLAG:
        yield Problem("links", f"{len(links)} links; at most {limits.LINKS_PER_FLAG} are allowed")
        return
    for index, link in enumerate(links):
        yield from check_text(f"links.{index}.label", link.label, most=limits.NAME_CHARACTERS)
        yield from _check_url(f"links.{index}.url", link.url)


def _check_tags(tags: tuple[str, ...]) -> Iterator[Problem]:
    if len(tags) > limits.TAGS_PER_FLAG:
        yield Problem("tags", f"{len(tags)} tags; at most {limits.TAGS_PER_FLAG} are allowed")
        return
    for index, tag in enumerate(tags):
        yield from check_key(f"tags.{index}", tag)
    if len(set(tags)) != len(tags):
        yield Problem("tags", "one tag is there twice; name each once")


def _check_url(field: str, url: str) -> Iterator[Problem]:
    yield from check_text(field, url, most=limits.URL_CHARACTERS)
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    # Nothing but the web: a javascript: address in a page would run in its reader's name.
    if not sound or url != url.strip() or " " in url:
        yield Problem(field, "is not an address of the web; write it whole, as in https://example.org/page")
