"""Align language models for honesty: probe what a model knows, teach it to say so, score the change."""
