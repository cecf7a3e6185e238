"""Where plain events and operations become Qt signals and item models; nothing else knows both sides."""
