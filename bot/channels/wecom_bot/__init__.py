"""The WeCom AI bot (企业微信智能机器人): a long connection on which messages come in and go out.

``channel`` has what bot.main composes. Nothing is imported here, so that reading the settings stays quick.
"""
