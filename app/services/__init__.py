"""Use cases: one function per user verb, on a ``Workspace``, without Qt. README.md lists them all."""

from app.services.answers import ask, regenerate
from app.services.chats import delete_chat, list_answers, list_chats, rename_chat
from app.services.companions import Companions
from app.services.diagnostics import diagnose
from app.services.dossiers import create_dossier, delete_dossier, remove_document, rename_dossier
from app.services.imports import dismiss, import_paths, resume_imports, retry
from app.services.long_work import list_long_work
from app.services.model_choice import (
    add_model,
    check_model,
    choose_dossier_model,
    choose_model,
    count_characters,
    count_readings,
    dossier_model,
    list_models,
    look_at_model,
    reload_model,
    remove_model,
)
from app.services.operation import Operation, OperationCancelled, Progress
from app.services.pages import page_sizes, page_text, render_page
from app.services.readings import open_dossier, read_dossier, reading_card
from app.services.searches import rebuild_index, search
from app.services.snapshots import find_dossier, get_dossier, list_documents, list_dossiers, list_exceptions
from app.services.upkeep import (
    add_recovery_code,
    change_passphrase,
    check_vault,
    engine_card,
    lock,
    prove_passphrase,
    restart_locked,
)
from app.services.vault_state import drop_recovery_code, vault_card
from app.services.workspace import Workspace

__all__ = [
    "Companions",
    "Operation",
    "OperationCancelled",
    "Progress",
    "Workspace",
    "add_model",
    "add_recovery_code",
    "ask",
    "change_passphrase",
    "check_model",
    "check_vault",
    "choose_dossier_model",
    "choose_model",
    "count_characters",
    "count_readings",
    "create_dossier",
    "delete_chat",
    "delete_dossier",
    "diagnose",
    "dismiss",
    "dossier_model",
    "drop_recovery_code",
    "engine_card",
    "find_dossier",
    "get_dossier",
    "import_paths",
    "list_answers",
    "list_chats",
    "list_documents",
    "list_dossiers",
    "list_exceptions",
    "list_long_work",
    "list_models",
    "lock",
    "look_at_model",
    "open_dossier",
    "page_sizes",
    "page_text",
    "prove_passphrase",
    "read_dossier",
    "reading_card",
    "rebuild_index",
    "regenerate",
    "reload_model",
    "remove_document",
    "remove_model",
    "rename_chat",
    "rename_dossier",
    "render_page",
    "restart_locked",
    "resume_imports",
    "retry",
    "search",
    "vault_card",
]
