"""What a question's knowledge becomes in the fine-tuning data: one module a family, one yaml a strategy."""
