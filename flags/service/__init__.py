"""The one write path of flags (law 8): people, API, CLI and automation change them by these commands.

Every command works in the caller's transaction: rows, revision and audit entry are committed together, or
nothing is. ``by`` says who asks, why, and which guards may object.
"""

from flags.service.catalogue import archive_flag, create_flag, edit_flag, restore_flag
from flags.service.keys import create_sdk_key, revoke_sdk_key
from flags.service.places import create_environment, create_project, set_required_approvers
from flags.service.restoring import revert_revision
from flags.service.serving import preview_targeting, set_enabled, set_targeting

__all__ = [
    "archive_flag",
    "create_environment",
    "create_flag",
    "create_project",
    "create_sdk_key",
    "edit_flag",
    "preview_targeting",
    "restore_flag",
    "revert_revision",
    "revoke_sdk_key",
    "set_enabled",
    "set_required_approvers",
    "set_targeting",
]
