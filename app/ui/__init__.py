"""The window: panes, dialogs, theme and words. It asks the bridge and draws what comes back."""
