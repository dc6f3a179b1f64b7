"""Where the server's own handlers take what they need from, in a relay: memory only."""

from collections.abc import Mapping

from flags.evaluations import Answers
from flags.model import SdkAccess
from flags.representations import Encoding, Representation, Representations
from flags.web.subscribers import Full
from relay.keys import RelayKeys
from relay.mirror import Mirror, Mirrored


class RelaySource:
    """A ``flags.serving.Source``, and what the stream asks. Shared by all threads."""

    settle_s = 0.0

    def __init__(self, mirror: Mirror, keys: RelayKeys) -> None:
        self._mirror, self._keys = mirror, keys
        self._representations = Representations()

    def access(self, secret: str | None, *, newer_than: str = "") -> SdkAccess:
        """What a key of the relay opens. Unauthenticated. Full: there is no copy yet."""
        del newer_than  # What the relay has is the newest it can give.
        key = self._keys.find(secret)
        current = self._current()
        return SdkAccess(
            key_id=key.id,
            kind=key.kind,
            project=current.project,
            environment=current.environment,
            ruleset=current.compiled.id,
        )

    def access_by(self, ticket: str) -> SdkAccess:
        """Nobody gets tickets from a relay. Unauthenticated."""
        del ticket
        return self.access(None)

    def revisions(self) -> dict[int, int]:
        """The revision every key is at."""
        current = self._mirror.current
        return {} if current is None else dict.fromkeys(self._keys.ids, current.compiled.revision)

    def representation(self, access: SdkAccess, encoding: Encoding) -> Representation:
        """The ruleset for this key, in this packing."""
        return self._representations.of(self._current().compiled, access.kind, encoding)

    def answers(self, access: SdkAccess) -> Answers:
        """The evaluation of the ruleset."""
        del access
        return self._current().answers

    def stored(self, access: SdkAccess, unit: str) -> Mapping[str, str] | None:
        """None: the store of assignments is the server's."""
        del access, unit
        return None

    def _current(self) -> Mirrored:
        current = self._mirror.current
        if current is None:
            raise Full("the relay has no copy yet, and cannot reach the server above; come back later")
        return current
