"""Where plain events and operations become Qt signals and item models; nothing else knows both sides."""

from app.bridge.singletons import keep_singletons

keep_singletons()
