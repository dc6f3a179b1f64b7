"""One flag, and one segment, as the lines of a Python function."""

from typing import Final

from pointsman.core.draws import edges_of
from pointsman.core.model import Flag, Hashing, Kept, Rule, Segment, Split, Window
from pointsman.core.references import leaves, needs_of, nodes_of
from pointsman.core.scope import Scope
from pointsman.core.switches import enabled_at
from pointsman.core.writing import Body

# Up to here a chain of comparisons is quicker than a bisection (3 to 4 against 8 ranges, about equal).
_CHAIN: Final = 8


def asks_around(flag: Flag) -> bool:
    """Whether the flag asks other flags, segments or the time, so that its function needs a memo."""
    if flag.switches:
        return True
    if not flag.enabled:
        return False
    return any(_is_bounded(rule.window) for rule in flag.rules) or any(True for _ in needs_of(flag))


def segment_body(segment: Segment, scope: Scope) -> Body:
    """A function of (unit, context, memo): whether the unit belongs."""
    body = Body(scope)
    body.fetch(segment.conditions)
    met = " and ".join(f"({body.expression(node)})" for node in segment.conditions) or "False"
    included = body.held(segment.included)
    excluded = body.held(segment.excluded)
    body.line(2, f"return not ({excluded}) and (({included}) or ({met}))")
    return body


class FlagBody(Body):
    """A function of (unit, context): the choice."""

    def __init__(self, flag: Flag, scope: Scope) -> None:
        super().__init__(scope)
        self._flag = flag
        self._revision = self.keep(scope.revision)  # The first, as ``source.carried`` relies on.
        self._key = self.keep(flag.key)

    def write(self) -> None:
        """Write the whole function."""
        flag = self._flag
        # Not ASCII: looked at more closely, for mmh3 5.3 ends the process (SIGSEGV) on a lone surrogate.
        self.line(2, "if type(unit) is not str or not unit or not unit.isascii(): unit = text_of_unit(unit)")
        if (flag.enabled or flag.switches) and _reads_context(flag):
            self.line(2, "if type(context) is not dict: context = dict_of_context(context)")
        else:
            self.line(2, "if context is not None and type(context) is not dict: dict_of_context(context)")
        if asks_around(flag):
            self.line(2, "if memo is None: memo = {}")
        if flag.switches:
            self.line(2, f"if not {self.keep(enabled_at(flag))}({self.now()}):")
            self._serve(3, flag.off, "OFF")
        elif not flag.enabled:
            self._serve(2, flag.off, "OFF")
            return
        self._exceptions()
        for rule in flag.rules:
            if self._rule(rule):  # It matches everyone: whatever follows is never reached.
                return
        self._serve(2, flag.default, "DEFAULT")

    def _exceptions(self) -> None:
        """What comes before the rules: prerequisites, overrides, recent units, kept units."""
        flag = self._flag
        for asked in flag.requires:
            self.line(2, f"if not {self.serves(asked)}:")
            self._serve(3, flag.off, "PREREQUISITE")
        if flag.overrides:
            self.line(2, f"variant = {self.keep(flag.overrides)}.get(unit)")
            self._serve_named("variant is not None", "OVERRIDE", "None")
        if flag.sticky and self._scope.recent is not None:
            self.line(2, f"variant = {self.keep(self._scope.recent)}.get({self._key}, {{}}).get(unit)")
            self._serve_named(f"variant in {self.keep(flag.variants)}", "STICKY", "None")
        for kept in flag.kept:
            self._kept(kept)

    def _kept(self, kept: Kept) -> None:
        self.fetch(kept.conditions)
        draw = self.draw(kept.hashing or Hashing(seed=self._flag.salt))
        owners = [name for part in kept.ranges for name in (None, part.variant)]
        edges = self.keep(edges_of(kept.ranges, draw.edge))
        self.line(2, f"variant = {self.keep((*owners, None))}[bisect({edges}, {draw.source})]")
        tests = [
            "variant is not None",
            *(f"({self.expression(node)})" for node in kept.conditions),
            *(f"({self.gate(gate)})" for gate in kept.gates),
            f"({self.held(kept.units)})",
        ]
        self._serve_named(" and ".join(tests), "STICKY", self.keep(kept.rule))

    def _rule(self, rule: Rule) -> bool:
        """Write the rule; whether it matches everyone."""
        self.fetch(rule.conditions)
        tests = [self.window(rule.window)] if rule.window and _is_bounded(rule.window) else []
        tests += [self.expression(node) for node in rule.conditions]
        tests += [self.gate(gate) for gate in rule.gates]
        hashing = rule.hashing or Hashing(seed=self._flag.salt)
        if hashing.attribute is not None:
            draw = self.draw(hashing)
            self.line(2, f"bits = {draw.source}")
            tests += ["bits >= 0"] if draw.may_fail else []
        if tests:
            joined = " and ".join(f"({test})" for test in tests)
            self.line(2, f"if {joined}:")
        self._split(rule, hashing, 3 if tests else 2)
        return not tests

    def _split(self, rule: Rule, hashing: Hashing, indent: int) -> None:
        ends, variants = _joined(rule.split)
        rule_id = self.keep(rule.id)
        if len(variants) == 1:
            self._serve(indent, variants[0], "TARGETING_MATCH", rule_id)
            return
        draw = self.draw(hashing)
        if hashing.attribute is None:
            self.line(indent, f"bits = {draw.source}")
        if len(variants) > _CHAIN:
            edges = self.keep(tuple(draw.edge(end) for end in ends))
            served = self.keep(tuple((name, self._flag.variants[name]) for name in variants))
            self.line(indent, f"variant, value = {served}[bisect({edges}, bits)]")
            self._return(indent, "variant", "value", "SPLIT", rule_id)
            return
        for end, variant in zip(ends, variants[:-1], strict=True):
            self.line(indent, f"if bits < {self.keep(draw.edge(end))}:")
            self._serve(indent + 1, variant, "SPLIT", rule_id)
        self._serve(indent, variants[-1], "SPLIT", rule_id)

    def _serve(self, indent: int, variant: str, reason: str, rule_id: str = "None") -> None:
        payload = self.keep(self._flag.variants[variant])
        self._return(indent, self.keep(variant), payload, reason, rule_id)

    def _serve_named(self, test: str, reason: str, rule_id: str) -> None:
        """Serve the variant that the local ``variant`` names."""
        self.line(2, f"if {test}:")
        self._return(3, "variant", f"{self.keep(self._flag.variants)}[variant]", reason, rule_id)

    def _return(self, indent: int, variant: str, value: str, reason: str, rule_id: str) -> None:
        fields = f"{self._key}, unit, {variant}, {value}, {reason}, {rule_id}, {self._revision}, None"
        self.line(indent, f"return new(Choice, ({fields}))")


def _reads_context(flag: Flag) -> bool:
    if flag.requires or any(True for _ in leaves(nodes_of(flag))):
        return True
    parts: tuple[Rule | Kept, ...] = (*flag.rules, *flag.kept)
    draws = [part.hashing for part in parts]
    draws += [gate.hashing for part in parts for gate in part.gates]
    return any(hashing is not None and hashing.attribute is not None for hashing in draws)


def _is_bounded(window: Window | None) -> bool:
    return window is not None and (window.start, window.end) != (None, None)


def _joined(split: Split) -> tuple[list[int], list[str]]:
    """Inner ends and owners, with neighbouring ranges of one variant made one."""
    ends: list[int] = []
    variants: list[str] = []
    for part in split:
        if variants and variants[-1] == part.variant:
            ends[-1] = part.end
        else:
            ends.append(part.end)
            variants.append(part.variant)
    return ends[:-1], variants
