"""Every slice, in the order in which they are asked. One line a slice; nothing else in the program lists them."""

from __future__ import annotations

from engagement.announcements.manifest import FEATURE as ANNOUNCEMENTS
from engagement.bonds.manifest import FEATURE as BONDS
from engagement.campaigns.manifest import FEATURE as CAMPAIGNS
from engagement.checkin.manifest import FEATURE as CHECKIN
from engagement.curation.manifest import FEATURE as CURATION
from engagement.entry.manifest import FEATURE as ENTRY
from engagement.faq.manifest import FEATURE as FAQ
from engagement.feature import Feature
from engagement.groups.manifest import FEATURE as GROUPS
from engagement.households.manifest import FEATURE as HOUSEHOLDS
from engagement.invites.manifest import FEATURE as INVITES
from engagement.leader.manifest import FEATURE as LEADER
from engagement.mass_sends.manifest import FEATURE as MASS_SENDS
from engagement.members.manifest import FEATURE as MEMBERS
from engagement.moderation.manifest import FEATURE as MODERATION
from engagement.points.manifest import FEATURE as POINTS
from engagement.theme.manifest import FEATURE as THEME
from engagement.topic.manifest import FEATURE as TOPIC

FEATURES: tuple[Feature, ...] = (
    MEMBERS,
    GROUPS,
    LEADER,
    CHECKIN,
    POINTS,
    HOUSEHOLDS,
    TOPIC,
    THEME,
    CAMPAIGNS,
    ANNOUNCEMENTS,
    MASS_SENDS,
    INVITES,
    MODERATION,
    ENTRY,
    BONDS,
    CURATION,
    FAQ,
)
