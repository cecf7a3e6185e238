"""The conversations kept with a dossier."""

from __future__ import annotations

from app.chat import history
from app.chat.values import Answer
from app.services.lanes import Lane
from app.services.operation import Operation
from app.services.views import Changes, ChatCard
from app.services.workspace import Workspace


def list_chats(ws: Workspace, dossier_id: str) -> tuple[ChatCard, ...]:
    """Newest first."""
    with ws.vault.read() as conn:
        chats = history.list_chats(conn, dossier_id)
    return tuple(ChatCard(c.id, c.dossier_id, c.title, c.created_utc, c.exchanges) for c in chats)


def list_answers(ws: Workspace, chat_id: str) -> tuple[Answer, ...]:
    """Oldest first; each holds its question."""
    with ws.vault.read() as conn:
        return history.list_answers(conn, chat_id)


def rename_chat(ws: Workspace, chat_id: str, title: str) -> Operation[None]:
    def work(op: Operation[None]) -> None:
        with ws.vault.write() as conn:
            history.rename_chat(conn, chat_id, title)
        ws.changed(Changes.CHATS, None, op)

    return ws.lanes.run(Lane.QUICK, "rename-chat", work)


def delete_chat(ws: Workspace, chat_id: str) -> Operation[None]:
    def work(op: Operation[None]) -> None:
        with ws.vault.write() as conn:
            history.delete_chat(conn, chat_id)
        ws.changed(Changes.CHATS, None, op)

    return ws.lanes.run(Lane.QUICK, "delete-chat", work)
