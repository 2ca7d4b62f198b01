"""Iterating in a thread of its own, some items ahead, so that asking an agency and reading its answers overlap."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """The items in order; an error of the producing side is raised here, after the items before it.

    Whoever stops early waits until the producing side has stopped too, unless the process is asked to end: an agency
    that is slow may take minutes.
    """
    channel: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def feed() -> None:
        try:
            for item in items:
                channel.put((item, None))
                if stop.is_set():
                    return
            channel.put((_END, None))
        except BaseException as error:
            channel.put((_END, error))

    thread = threading.Thread(target=feed, name="ahead", daemon=True)
    thread.start()
    interrupted = False
    try:
        while True:
            item, error = channel.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    except BaseException as error:
        interrupted = not isinstance(error, Exception | GeneratorExit)
        raise
    finally:
        stop.set()
        while thread.is_alive() and not interrupted:
            try:
                channel.get(timeout=0.02)
            except queue.Empty:
                continue
