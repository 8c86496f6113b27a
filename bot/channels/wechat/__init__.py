"""The Official Account (公众号): ``channel`` is what bot.main composes, the others are its parts."""
