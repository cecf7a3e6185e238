"""Plain events between rooms: typed values in, callables out, no thread of its own.

Thread rule: `publish` and `subscribe` may be called from any thread. Handlers run on the thread that
publishes, outside the bus's lock, in the order of subscription. A handler that fails stops neither the
others nor the publisher.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

E = TypeVar("E")


@dataclass(eq=False, slots=True)
class Subscription(Generic[E]):
    """One handler on one bus; `cancel()` ends it, more than once does no harm."""

    bus: EventBus
    kind: type[E]
    handler: Callable[[E], None]

    def cancel(self) -> None:
        self.bus._drop(cast("Subscription[object]", self))


class EventBus:
    """Carries events by their class; a handler for a class also gets its subclasses (`object` gets all)."""

    def __init__(self, on_failure: Callable[[Exception], None] | None = None) -> None:
        """`on_failure` hears of every exception a handler raised."""
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription[object], ...] = ()
        self._on_failure = on_failure

    def subscribe(self, kind: type[E], handler: Callable[[E], None]) -> Subscription[E]:
        """Have `handler` called with every event of `kind` published from now on."""
        subscription = Subscription(self, kind, handler)
        with self._lock:
            self._subscriptions = (*self._subscriptions, cast("Subscription[object]", subscription))
        return subscription

    def publish(self, event: object) -> None:
        """Hand `event` to every handler subscribed at this moment."""
        for subscription in self._subscriptions:
            if isinstance(event, subscription.kind):
                try:
                    subscription.handler(event)
                except Exception as failure:
                    if self._on_failure is not None:
                        self._on_failure(failure)

    def _drop(self, subscription: Subscription[object]) -> None:
        with self._lock:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
