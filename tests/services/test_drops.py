"""What a drop holds, and that nothing of it is left out without a word in the exception list."""

from __future__ import annotations

import os

import pytest

from app import services
from app.services import drops
from app.services.drops import list_files


def take(ws, dossier_id, *paths):
    return services.import_paths(ws, dossier_id, paths).result(60)


def test_files_come_in_a_stable_order_without_hidden_and_system_files(desk):
    for name in ("b.txt", "a.txt", "in/c.txt", ".git/config", "in/.hidden", "in/Thumbs.db"):
        desk.file(f"box/{name}", name)
    box = desk.root / "files" / "box"
    missing = desk.root / "files" / "gone.txt"
    drop = list_files([box, missing, box / "a.txt"])
    assert drop.files == (box / "a.txt", box / "b.txt", box / "in" / "c.txt", missing)
    assert drop.left_out == ()


def test_links_inside_a_folder_are_not_followed_and_that_is_said(desk):
    desk.file("outside/secret.txt", "of another folder")
    desk.file("box/a.txt", "A letter of the third of May.")
    box = desk.root / "files" / "box"
    (box / "link.txt").symlink_to(desk.root / "files" / "outside" / "secret.txt")
    (box / "folder").symlink_to(desk.root / "files" / "outside")
    assert list_files([box]).files == (box / "a.txt",)
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(ws, dossier_id, box)
        assert [d.name for d in report.added] == ["a.txt"]
        (said,) = services.list_exceptions(ws, dossier_id)
        assert (said.name, said.problem.code, said.can_retry) == ("box", "links-left-out", False)
        assert "(2)" in str(said.problem)
        take(ws, dossier_id, box)
        (_,) = services.list_exceptions(ws, dossier_id)
        services.dismiss(ws, report.exceptions[0].id).result(60)


def test_more_files_than_are_taken_in_at_once_are_told(desk, monkeypatch):
    monkeypatch.setattr(drops, "MAX_FILES", 3)
    for n in range(5):
        desk.file(f"box/{n}.txt", f"Letter number {n}.")
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(ws, dossier_id, desk.root / "files" / "box")
        assert [d.name for d in report.added] == ["0.txt", "1.txt", "2.txt"]
        (said,) = services.list_exceptions(ws, dossier_id)
        assert str(said.problem) == (
            "At most 3 files are taken in at once; 2 more were left out. Drop them again."
        )


@pytest.mark.skipif(os.name == "nt", reason="rights as POSIX has them")
def test_a_folder_that_cannot_be_opened_is_told(desk, monkeypatch):
    closed = desk.file("box/closed/b.txt", "Not to be seen.").parent
    desk.file("box/a.txt", "A letter.")
    scan = os.scandir

    def refuse(path):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return scan(path)

    with monkeypatch.context() as patch:  # not while the folders of the test are cleared away
        patch.setattr(os, "scandir", refuse)  # the superuser may open everything
        drop = list_files([desk.root / "files" / "box"])
    assert [file.name for file in drop.files] == ["a.txt"]
    assert [(path, failure.code) for path, failure in drop.left_out] == [(closed, "folder-unreadable")]


def test_listing_can_be_stopped(desk):
    desk.file("box/a.txt", "A letter.")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list_files([desk.root / "files" / "box"], stop)
