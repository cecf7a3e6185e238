"""The worker at work: one thread listens, one writes, the first one computes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from engine.cage import Guarantee
from engine.protocol import (
    Cancel,
    Hello,
    MessageInvalid,
    Ping,
    Pong,
    Shutdown,
    decode_request,
)
from engine.transport import Channel, ChannelClosed, FrameRefused
from engine.worker.desk import Desk, RequestFailed
from engine.worker.log import write_log
from engine.worker.outbox import Outbox
from engine.worker.process import EXIT_DONE, EXIT_GARBLED, leave
from engine.worker.work import Loader, Workroom, explain


def serve(channel: Channel, guarantee: Guarantee, loader: Loader | None) -> NoReturn:
    """Serve until the application ends, then end the process; `loader` None is the real one."""
    explain_error: Callable[[Exception], RequestFailed | None] = explain
    if loader is None:
        from engine.worker.loading import explain_model_error, load_model

        loader = load_model
        explain_error = lambda error: explain(error) or explain_model_error(error)  # noqa: E731
    outbox = Outbox(channel)
    room = Workroom(loader)
    desk = Desk(outbox, room.begin, explain_error)
    write_log(f"engine {os.getpid()}: kept {sorted(guarantee.kept)}, broken {sorted(guarantee.broken)}")
    threading.Thread(target=outbox.run, name="writer", daemon=True).start()
    listener = threading.Thread(
        target=_listen, args=(channel, desk, outbox, room), name="reader", daemon=True
    )
    listener.start()
    desk.run()


def _listen(channel: Channel, desk: Desk, outbox: Outbox, room: Workroom) -> None:
    """The body of the reader's thread: never waits for anything but the application, which ends with it."""
    code = EXIT_DONE
    resident_bytes = _memory_reader()
    try:
        while True:
            frame = channel.receive()
            try:
                message = decode_request(frame.payload)
            except MessageInvalid:
                frame.close_descriptors()
                raise
            match message:
                case Cancel():
                    frame.close_descriptors()
                    desk.cancel(message.request_id)
                case Ping():
                    frame.close_descriptors()
                    sessions = room.sessions
                    outbox.put_now(Pong(message.nonce, resident_bytes(), sessions.nbytes, len(sessions)))
                case Shutdown():
                    break
                case Hello():
                    frame.close_descriptors()
                    raise MessageInvalid("a second greeting")
                case _:
                    desk.accept(message, frame.descriptors[0] if frame.descriptors else None)
    except ChannelClosed:
        pass
    except (FrameRefused, MessageInvalid) as error:
        write_log(f"refused: {error}")
        code = EXIT_GARBLED
    except BaseException as error:
        write_log(f"bug in the reader: {type(error).__name__}")
        code = EXIT_GARBLED
    leave(code)


def _memory_reader() -> Callable[[], int]:
    if sys.platform == "linux":
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        return lambda: int(os.pread(statm, 200, 0).split()[1]) * page_bytes
    else:  # noqa: RET505 - so that the type checker sees one branch per system
        import psutil

        process = psutil.Process()
        return lambda: int(process.memory_info().rss)
