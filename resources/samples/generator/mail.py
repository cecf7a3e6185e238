"""EML papers, written with the standard library; boundaries and identifiers are fixed."""

from __future__ import annotations

import zlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from .markup import Paper


def write_eml(paper: Paper, attachments: dict[str, bytes]) -> bytes:
    """Return the paper as a mail, its PDF attachments (name to bytes) inside."""
    message = EmailMessage(policy=SMTP)
    for key, header in (("from", "From"), ("to", "To"), ("cc", "Cc"), ("subject", "Subject")):
        if paper.first(key):
            message[header] = paper.first(key)
    message["Date"] = format_datetime(datetime.fromisoformat(paper.first("date")))
    mark = zlib.crc32((paper.name + paper.first("subject")).encode())
    message["Message-ID"] = f"<{mark:08x}.{len(paper.blocks)}@courrier.example>"
    parts = ["\n".join(("- " if block.kind == "bullet" else "") + line for line in block.lines)
             for block in paper.blocks]  # fmt: skip
    message.set_content("\n\n".join(parts) + "\n", charset="utf-8", cte="quoted-printable")
    for name, data in attachments.items():
        message.add_attachment(data, maintype="application", subtype="pdf", filename=name)
    if attachments:
        message.set_boundary(f"=_piece_{mark:08x}")
    return message.as_bytes()
