"""Item models over immutable snapshots: a new snapshot keeps what did not move, so views stay where they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.services.views import DocumentCard, DocumentStatus, DossierCard, Hit

R = TypeVar("R")
Index = QModelIndex | QPersistentModelIndex
ROW = int(Qt.ItemDataRole.UserRole)
DEPTH = ROW + 1


class Rows(QAbstractListModel, Generic[R]):
    """A list of values; the value itself is under ``ROW``."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[R] = []
        self.spoken: Callable[[R], str] = self.caption  # for a screen reader; a view gives better words

    def show(self, rows: Sequence[R]) -> None:
        """Replace the snapshot. Only the stretch of rows that came or went is inserted and removed, so that a
        view keeps its place, its selection and the row the keyboard is on.
        """
        fresh = list(rows)
        old_keys, new_keys = [self.key(row) for row in self._rows], [self.key(row) for row in fresh]
        head = _alike(old_keys, new_keys)
        tail = _alike(old_keys[head:][::-1], new_keys[head:][::-1])
        gone, come = len(old_keys) - tail, len(new_keys) - tail
        if gone > head:
            self.beginRemoveRows(QModelIndex(), head, gone - 1)
            del self._rows[head:gone]
            self.endRemoveRows()
        if come > head:
            self.beginInsertRows(QModelIndex(), head, come - 1)
            self._rows[head:head] = fresh[head:come]
            self.endInsertRows()
        changed = [n for n, (old, new) in enumerate(zip(self._rows, fresh, strict=True)) if old != new]
        self._rows = fresh
        for number in changed:
            self.dataChanged.emit(self.index(number), self.index(number))

    def key(self, row: R) -> object:
        return row

    def caption(self, row: R) -> str:
        """What typing a letter looks for."""
        return str(row)

    def row(self, index: Index) -> R | None:
        number = index.row()
        return self._rows[number] if index.isValid() and 0 <= number < len(self._rows) else None

    @property
    def rows(self) -> tuple[R, ...]:
        return tuple(self._rows)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - an empty index is a constant
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return self.caption(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.spoken(row)
        return None


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """How many members two lists have in common at their beginning."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


class DossierRows(Rows[DossierCard]):
    def key(self, row: DossierCard) -> object:
        return row.id

    def caption(self, row: DossierCard) -> str:
        return row.name

    def place(self, dossier_id: str) -> QModelIndex:
        """Where a dossier is; an invalid index when it is gone."""
        for number, row in enumerate(self._rows):
            if row.id == dossier_id:
                return self.index(number)
        return QModelIndex()


class HitRows(Rows[Hit]):
    def caption(self, row: Hit) -> str:
        return f"{row.document} {row.page}: {row.snippet}"


class DocumentRows(Rows[DocumentCard]):
    """Documents of one dossier, attachments under their mail; a check box says what a question looks at."""

    scope_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._left_out: set[str] = set()
        self._depths: dict[str, int] = {}

    def key(self, row: DocumentCard) -> object:
        return row.id

    def caption(self, row: DocumentCard) -> str:
        return row.name

    def show(self, rows: Sequence[DocumentCard]) -> None:
        children: dict[str | None, list[DocumentCard]] = {}
        known = {row.id for row in rows}
        for row in rows:
            children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
        ordered: list[DocumentCard] = []
        self._depths = {}

        def place(parent: str | None, depth: int) -> None:
            for row in children.get(parent, []):
                self._depths[row.id] = depth
                ordered.append(row)
                place(row.id, depth + 1)

        place(None, 0)
        super().show(ordered)
        if self._left_out - known:
            self._left_out &= known
            self.scope_changed.emit()

    def clear_scope(self) -> None:
        """Look at the whole dossier again."""
        self._leave_out(set())

    def only(self, document_id: str) -> None:
        """Look at one document alone."""
        self._leave_out({row.id for row in self._rows if self._askable(row)} - {document_id})

    def _leave_out(self, documents: set[str]) -> None:
        self._left_out = documents
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))
        self.scope_changed.emit()

    @property
    def scope(self) -> tuple[str, ...] | None:
        """Ids of the chosen documents, or None for the whole dossier."""
        if not self._left_out:
            return None
        return tuple(r.id for r in self._rows if self._askable(r) and r.id not in self._left_out)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is not None and role == Qt.ItemDataRole.CheckStateRole and self._askable(row):
            return Qt.CheckState.Unchecked if row.id in self._left_out else Qt.CheckState.Checked
        if row is not None and role == DEPTH:
            return self._depths.get(row.id, 0)
        return super().data(index, role)

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self.row(index)
        if row is None or role != Qt.ItemDataRole.CheckStateRole or not self._askable(row):
            return False
        if Qt.CheckState(value) == Qt.CheckState.Checked:
            self._left_out.discard(row.id)
        else:
            self._left_out.add(row.id)
        self.dataChanged.emit(index, index)
        self.scope_changed.emit()
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row(index)
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsUserCheckable if row is not None and self._askable(row) else flags

    @staticmethod
    def _askable(row: DocumentCard) -> bool:
        return row.status is DocumentStatus.READY
