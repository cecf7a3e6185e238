"""How much a document may cost (input limits of the threat model).

Every limit is a value, so tests can lower it.
"""

from __future__ import annotations

import msgspec

MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds for one document and for the child process that reads it."""

    file_bytes: int = 500 * MIB
    pages: int = 5_000
    page_text_bytes: int = 5_000_000
    page_words: int = 300_000
    page_side_pt: float = 1_000_000.0

    memory_bytes: int = 1024 * MIB  # for the child, on top of the file itself
    cpu_s: int = 20  # per batch of pages
    batch_pages: int = 50
    own_layout_cpu_s: int = 60  # formats without pages are laid out in one go
    view_cpu_s: int = 120  # for a child that draws page after page; a fresh one then goes on
    wall_s: float = 60.0  # with no sign of life from the child
    render_wall_s: float = 30.0

    render_side_px: int = 10_000
    render_area_px: int = 50_000_000

    zip_entries: int = 2_000
    zip_total_bytes: int = 200 * MIB
    zip_entry_bytes: int = 100 * MIB
    zip_ratio: int = 100
    zip_ratio_floor_bytes: int = MIB  # small parts may pack better than the ratio
    xml_depth: int = 200
    mail_depth: int = 2  # a mail, and a mail inside it
    mail_parts: int = 2_000
    attachments: int = 500
    attachment_bytes: int = 100 * MIB
    attachments_total_bytes: int = 200 * MIB
    own_layout_characters: int = 30_000_000
