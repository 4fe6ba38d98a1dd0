"""Which sensors a message on a topic is about. No I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLACEHOLDER = "{sensor}"
_SHARED = re.compile(r"^\$share/[^/+#]+/(.+)$")


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """A topic filter of MQTT in which one level may be `{sensor}`: there the topic says which sensor it is.

    Attributes:
        text: as in the settings, such as `plant/{sensor}/value` or `$share/boxes/rig/#`.
    """

    text: str

    @property
    def filter(self) -> str:
        """What is subscribed to."""
        return self.text.replace(PLACEHOLDER, "+")

    @property
    def names_sensor(self) -> bool:
        """Whether the topic says which sensor it is."""
        return PLACEHOLDER in self.text

    @property
    def is_exact(self) -> bool:
        """Whether only one topic fits."""
        return "+" not in self.filter and "#" not in self.filter

    @property
    def _levels(self) -> list[str]:
        shared = _SHARED.match(self.text)
        return (shared[1] if shared else self.text).split("/")

    @property
    def expression(self) -> re.Pattern[str]:
        """Matches the topics that fit; the group `sensor` is the level of the placeholder, where there is one.

        A wildcard in the first place doesn't fit topics that begin with `$` (MQTT 5.0, section 4.7.2).
        """
        parts: list[str] = []
        for position, level in enumerate(self._levels):
            separator = "/" if position else ""
            if level == "#":
                parts.append(rf"(?:{separator}.*)?")
            elif level == "+":
                parts.append(f"{separator}[^/]*")
            elif level == PLACEHOLDER:
                parts.append(f"{separator}(?P<sensor>[^/]*)")
            else:
                parts.append(re.escape(separator + level))
        guard = r"(?!\$)" if self._levels[0] in {"+", "#", PLACEHOLDER} else ""
        return re.compile(guard + "".join(parts), re.DOTALL)


def check_pattern(text: str) -> str:
    """The text, if it is a valid pattern.

    Raises:
        ValueError: says what is wrong.
    """
    if "\x00" in text or len(text.encode()) > 65_535:
        raise ValueError("a topic has no zero character and at most 65535 bytes")
    if text.startswith("$share") and not _SHARED.match(text):
        raise ValueError("a shared subscription is $share/GROUP/TOPIC")
    levels = text.split("/")
    for position, level in enumerate(levels):
        if level == "#" and position != len(levels) - 1:
            raise ValueError("# is only allowed at the end")
        if level not in {"#", "+"} and ("#" in level or "+" in level):
            raise ValueError("wildcards + and # take a whole level")
        if level != PLACEHOLDER and ("{" in level or "}" in level):
            raise ValueError(f"{PLACEHOLDER} takes a whole level, and is the only thing in braces")
    if levels.count(PLACEHOLDER) > 1:
        raise ValueError(f"{PLACEHOLDER} may stand once")
    return text


class SensorNames:
    """Finds the machine's sensor for what a topic or a payload calls it."""

    def __init__(self, known: Sequence[str] | frozenset[str], renamed: Mapping[str, str]) -> None:
        """`known` are the machine's sensors; `renamed` says what some of them are called by the sender."""
        self._sensors = {name: name for name in known if name not in renamed}
        self._sensors |= {called: sensor for sensor, called in renamed.items()}

    def sensor(self, called: str) -> str | None:
        """The sensor of this name, or of what is left of it after some `/`; None when there is none."""
        found = self._sensors.get(called)
        while found is None and "/" in called:
            called = called.partition("/")[2]
            found = self._sensors.get(called)
        return found
