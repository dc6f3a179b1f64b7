"""One revision after another: of each, only the flags that are spelled otherwise than before are read.

While a large ruleset is read the host's threads want to go on. This takes the time of what changed, and
leaves nothing behind for the garbage collector: see ``flag_texts``.
"""

from typing import Final

from pointsman.core.codec import FORMAT, decode, read_ruleset
from pointsman.core.flag_codec import read_flag
from pointsman.core.flag_texts import FlagTexts
from pointsman.core.model import Flag, Ruleset
from pointsman.core.reading import name
from pointsman.core.references import needs_of
from pointsman.core.strict_json import parse, scan
from pointsman.errors import CodecError

_OPENING: Final = '"flags":{'


def decode_next(body: bytes, former: Ruleset | None) -> Ruleset:
    """What ``decode`` gives, or its CodecError; quicker, where the spelling is the server's canonical one.

    ``former`` should be what this gave for the revision before. Flags are made when first used.
    """
    try:
        return _quick(body, former.flags if former and isinstance(former.flags, FlagTexts) else None)
    except (CodecError, UnicodeDecodeError):
        # Wrong, or spelled differently, or of format 1: the plain way decides, and says what is wrong.
        return decode(body)


def _quick(body: bytes, former: FlagTexts | None) -> Ruleset:
    spelled = body.decode()
    # A quote inside of a JSON text has a backslash before it: this is a member, whatever texts hold.
    start = spelled.find(_OPENING) + len(_OPENING)
    flags, end = _flags(spelled, start, former)
    wire = parse((spelled[:start] + spelled[end:]).encode())
    if type(wire) is not dict or wire.get("flags") != {} or wire.get("format") != FORMAT:
        raise CodecError("ruleset", "is spelled differently")
    return read_ruleset(wire, lambda _: flags)


def _flags(spelled: str, at: int, former: FlagTexts | None) -> tuple[FlagTexts, int]:
    """The flags that begin here, and where their object's closing brace stands."""
    texts: dict[str, str] = {}
    tied: dict[str, Flag] = {}
    while spelled.startswith('"', at):
        key, colon = scan(spelled, at)
        if not spelled.startswith(":", colon) or name(key) in texts:
            raise CodecError("flags", "are spelled differently")
        text, flag = _known(spelled, colon + 1, key, former) or _read(spelled, colon + 1, key)
        texts[key] = text
        if flag is not None:
            tied[key] = flag
        at = colon + 1 + len(text)
        if not spelled.startswith(",", at):
            break
        at += 1
    return FlagTexts(texts, tied), at


def _known(spelled: str, at: int, key: str, former: FlagTexts | None) -> tuple[str, Flag | None] | None:
    """The former text, if this flag is spelled so: what begins with a whole object is that object."""
    text = former.text(key) if former else None
    if former is None or text is None or not spelled.startswith(text, at):
        return None
    return text, former.tied.get(key)


def _read(spelled: str, at: int, key: str) -> tuple[str, Flag | None]:
    """The text of the flag that begins here; and the flag, checked, if others must look at it."""
    raw, end = scan(spelled, at)
    flag = read_flag(key, raw)
    return spelled[at:end], flag if _is_tied(flag) else None


def _is_tied(flag: Flag) -> bool:
    by_itself = not (flag.sticky or flag.kept or flag.switches)
    return not by_itself or any(rule.window for rule in flag.rules) or any(True for _ in needs_of(flag))
