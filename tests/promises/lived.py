"""A session as the window has one, in a process of its own, steered by lines: open, read, ask, and then lock.

python -m tests.promises.lived VAULT DOSSIER QUESTION   (passphrase, then "lock" on standard input)
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from engine import cage


def line() -> str:
    """One line, and not a byte more: what follows belongs to the program that takes our place."""
    read = b""
    while not read.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            break
        read += byte
    return read.decode("utf-8").rstrip("\n")


def main() -> None:
    """Live one session."""
    cage.forbid_internet()
    cage.no_core_dumps()
    cage.bar_modules()
    from app import services
    from app.store.keys import LABEL_BLOB_WRAP, LABEL_DATABASE

    vault, dossier_name, question = sys.argv[1:4]
    parts = services.Companions.start()
    passphrase = line()  # held on to, as a careless program would: the end of the process must do for it too
    ws = services.Workspace.open(Path(vault), passphrase, companions=parts)
    services.resume_imports(ws).result(300)
    card = services.find_dossier(ws, dossier_name)
    assert card is not None
    reading = services.read_dossier(ws, card.id).result(300)
    pages = services.search(ws, card.id, question).result(300).total_pages
    answer = services.ask(ws, card.id, question).result(300)
    document = services.list_documents(ws, card.id)[0]
    services.render_page(ws, document.id, 1, width_px=300).result(300)
    keys = ws.vault._opened.keys
    told = {
        "reading": reading.state.value,
        "pages": pages,
        "model": answer.model,
        "keys": {
            "vault": keys.vault_key().hex(),
            "database": keys.derive(LABEL_DATABASE).hex(),
            "blobs": keys.derive(LABEL_BLOB_WRAP).hex(),
        },
    }
    print(json.dumps(told), flush=True)
    while line() != "lock":
        time.sleep(0.01)
    assert passphrase
    services.lock(ws)
    services.restart_locked(["dossiers", "--json", "--vault", vault])


if __name__ == "__main__":
    main()
