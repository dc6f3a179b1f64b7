"""The one write path of flags (law 8): people, API, CLI and automation change them by these commands.

Every command works in the caller's transaction: rows, revision and audit entry are committed together, or
nothing is. ``by`` says who asks, why, and which guards may object.
"""

from flags.service.catalogue import archive_flag, create_flag, edit_flag, restore_flag
from flags.service.enrolment import Exposed, assign, enrol_exposed, sticky_flags
from flags.service.forgetting import forget_unit
from flags.service.keys import create_sdk_key, revoke_sdk_key
from flags.service.memory import keep_late, rerandomise
from flags.service.places import create_environment, create_project, set_required_approvers
from flags.service.population import create_layer, delete_layer, set_holdout
from flags.service.restoring import revert_revision
from flags.service.segments import create_segment, delete_segment, edit_segment
from flags.service.serving import drafted, preview_targeting, set_enabled, set_targeting
from flags.service.undoing import revert_around
from flags.service.unit_lists import ListName, change_units, put_units, segment_salt

__all__ = [
    "Exposed",
    "ListName",
    "archive_flag",
    "assign",
    "change_units",
    "create_environment",
    "create_flag",
    "create_layer",
    "create_project",
    "create_sdk_key",
    "create_segment",
    "delete_layer",
    "delete_segment",
    "drafted",
    "edit_flag",
    "edit_segment",
    "enrol_exposed",
    "forget_unit",
    "keep_late",
    "preview_targeting",
    "put_units",
    "rerandomise",
    "restore_flag",
    "revert_around",
    "revert_revision",
    "revoke_sdk_key",
    "segment_salt",
    "set_enabled",
    "set_holdout",
    "set_required_approvers",
    "set_targeting",
    "sticky_flags",
]
