"""What the `honesty` command does on files, one module a sub-command. Nothing here imports torch."""
