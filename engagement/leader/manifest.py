"""团长: what a leader needs at hand in a chat, and the way back from it."""

from __future__ import annotations

from engagement.feature import Command, Feature, PersonalData
from engagement.leader import handlers, service

FEATURE = Feature(
    name="leader",
    commands=(
        Command(
            "leader.undo",
            ("撤销", "撤回操作", "反悔"),
            handlers.undo,
            slash=("undo",),
            roles=frozenset({"leader"}),
            consent=False,
            help="leader.help_undo",
        ),
    ),
    buttons={"undo": handlers.undo_button},
    plain=frozenset({"undo"}),
    personal_data=(
        PersonalData("leader_action", ("actor_id", "kind", "done_at"), "leader.purpose", service.export, service.erase),
    ),
    help="leader.help",
)
