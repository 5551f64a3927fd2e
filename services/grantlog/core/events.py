"""What may stand on the log: the registry of event types and the upcast chain.

Event names are ours for ever: a dotted string and a version, never reused. A stored event of an older version is brought
up by counted ``dict -> dict`` steps before it becomes an object; a name or version that nobody registered is an error,
never something to skip. Turning objects into bytes is an adapter's business; here an event is a frozen dataclass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol, TypeVar

Payload = dict[str, Any]
Upcast = Callable[[Payload], Payload]


class Event(Protocol):
    """A fact that was decided. Frozen, without floats, secrets or personal data in clear."""

    __dataclass_fields__: Any


class UnknownEventError(Exception):
    """The log holds an event that this program does not know: it must not answer from that stream."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One registered event: its name for ever, the version this program writes, and its class."""

    name: str
    version: int
    cls: type

    @property
    def stream(self) -> str:
        """The kind of stream the event belongs to: the name up to the first dot."""
        return self.name.partition(".")[0]


@dataclass(slots=True)
class Registry:
    """All event types of the program, by name and by class."""

    _by_name: dict[str, EventType]
    _by_class: dict[type, EventType]
    _upcasts: dict[tuple[str, int], Upcast]

    def add(self, kind: EventType) -> None:
        """Registers a type. Raises ValueError when the name or class is taken, or the class is no frozen dataclass."""
        if kind.name in self._by_name or kind.cls in self._by_class:
            raise ValueError(f"{kind.name} is registered already")
        if not is_dataclass(kind.cls) or not kind.cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise ValueError(f"{kind.name} must be a frozen dataclass")
        self._by_name[kind.name] = kind
        self._by_class[kind.cls] = kind

    def add_upcast(self, name: str, from_version: int, step: Upcast) -> None:
        """Registers the step that turns a payload of ``from_version`` into one of the next version."""
        if (name, from_version) in self._upcasts:
            raise ValueError(f"{name} has an upcast from version {from_version} already")
        self._upcasts[name, from_version] = step

    def of(self, event: object) -> EventType:
        """The type of an event object. Raises UnknownEventError."""
        try:
            return self._by_class[type(event)]
        except KeyError:
            raise UnknownEventError(f"{type(event).__name__} is not registered") from None

    def named(self, name: str) -> EventType:
        """The type with this name. Raises UnknownEventError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownEventError(f"{name} is not known here") from None

    def upcast(self, name: str, version: int, payload: Mapping[str, Any]) -> tuple[EventType, Payload]:
        """Brings a stored payload up to the version this program reads.

        Raises UnknownEventError for an unknown name, a version newer than ours, or a missing step.
        """
        kind = self.named(name)
        if version > kind.version:
            raise UnknownEventError(f"{name} version {version} is newer than version {kind.version} known here")
        current = dict(payload)
        for step in range(version, kind.version):
            try:
                current = self._upcasts[name, step](current)
            except KeyError:
                raise UnknownEventError(f"{name} has no upcast from version {step}") from None
        return kind, current

    def all(self) -> tuple[EventType, ...]:
        """Every registered type, by name."""
        return tuple(self._by_name[name] for name in sorted(self._by_name))


def new_registry() -> Registry:
    """An empty registry."""
    return Registry({}, {}, {})


REGISTRY = new_registry()

C = TypeVar("C", bound=type)


def event(name: str, *, version: int, registry: Registry = REGISTRY) -> Callable[[C], C]:
    """Class decorator: registers a frozen dataclass as event ``name`` in ``version``."""

    def register(cls: C) -> C:
        registry.add(EventType(name, version, cls))
        return cls

    return register


def upcast(name: str, *, from_version: int, registry: Registry = REGISTRY) -> Callable[[Upcast], Upcast]:
    """Decorator: registers a ``dict -> dict`` step from ``from_version`` to the next."""

    def register(step: Upcast) -> Upcast:
        registry.add_upcast(name, from_version, step)
        return step

    return register
