"""Telegram: webhook or polling in, the Bot API out; ``channel`` is what bot.main composes, the others are its parts."""
