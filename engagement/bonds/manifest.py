"""绑定: one person on several channels, with one account of points."""

from __future__ import annotations

from engagement.bonds import handlers, helping, records
from engagement.feature import Command, Feature, PersonalData

FEATURE = Feature(
    name="bonds",
    commands=(
        Command(
            "bonds.bind",
            ("绑定", "绑定账号", "绑定码"),
            handlers.bind,
            slash=("bind",),
            takes="optional",
            needs_group=False,
            help="bonds.help_bind",
        ),
        Command(
            "bonds.show",
            ("我的账号", "解绑", "解除绑定"),
            handlers.show,
            slash=("accounts",),
            needs_group=False,
            consent=False,
            reads=True,
            help="bonds.help_show",
        ),
        Command(
            "bonds.part_for",
            ("帮忙解绑",),
            helping.ask,
            slash=("partfor",),
            takes="required",
            roles=helping.ROLES,
            consent=False,
            help="bonds.help_for",
        ),
    ),
    buttons={
        "bond_yes": handlers.yes_button,
        "bond_no": handlers.no_button,
        "bond_part": handlers.part_button,
        "bond_part_yes": handlers.part_yes_button,
        "bond_keep": handlers.keep_button,
        "bond_for": helping.button,
        "bond_for_yes": helping.yes_button,
    },
    plain=frozenset({"bond_no", "bond_part", "bond_part_yes", "bond_keep", "bond_for", "bond_for_yes"}),
    undos={helping.UNDO: helping.undo},
    personal_data=(
        PersonalData(
            "bond",
            ("survivor_id", "absorbed_id", "state", "bound_at", "parted_at", "moved"),
            "bonds.purpose",
            records.export,
            records.erase,
        ),
        PersonalData(
            "bond_code",
            ("until", "used_by", "tries", "tries_since"),
            "bonds.purpose_code",
            records.export_code,
            records.erase_code,
        ),
    ),
    help="bonds.help",
)
