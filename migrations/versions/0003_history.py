"""History: the audit log as a chain, change requests, usage, tags, owners and links"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from runtime.audit_chain import digest
from runtime.audit_tables import GENESIS
from runtime.database import UtcDateTime


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("position", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_audit_position"), ["position"])
    _chain_what_is_there()

    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("required_approvers", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("flags", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tags", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("owner", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("links", sa.JSON(), nullable=False, server_default="[]"))

    op.create_table(
        "change_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("flag_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author_kind", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("writers", sa.JSON(), nullable=False),
        sa.Column("proposal", sa.JSON(), nullable=False),
        sa.Column("base_state", sa.Integer(), nullable=False),
        sa.Column("base_flag", sa.Integer(), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_revision", sa.Integer(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environments.id"],
            name=op.f("fk_change_requests_environment_id_environments"),
        ),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name=op.f("fk_change_requests_flag_id_flags")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_requests")),
    )
    with op.batch_alter_table("change_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_change_requests_flag_id"), ["flag_id"], unique=False)
        batch_op.create_index("ix_change_requests_place", ["environment_id", "state"], unique=False)
        batch_op.create_index("ix_change_requests_due", ["state", "publish_at"], unique=False)

    op.create_table(
        "change_approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["change_requests.id"],
            name=op.f("fk_change_approvals_request_id_change_requests"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_approvals")),
        sa.UniqueConstraint(
            "request_id", "draft", "actor", name=op.f("uq_change_approvals_request_id_draft_actor")
        ),
    )
    op.create_table(
        "flag_usage",
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("flag", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=False),
        sa.Column("evaluations", sa.BigInteger(), nullable=False),
        sa.Column("exposures", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_flag_usage_environment_id_environments")
        ),
        sa.PrimaryKeyConstraint("environment_id", "flag", "day", "variant", name=op.f("pk_flag_usage")),
    )


def _chain_what_is_there() -> None:
    """Give every entry its place, in the order of the ids, and write down where the chain ends."""
    connection = op.get_bind()
    audit = sa.table(
        "audit",
        sa.column("id", sa.Integer),
        sa.column("at", UtcDateTime),
        sa.column("actor_kind", sa.String),
        sa.column("actor", sa.String),
        sa.column("action", sa.String),
        sa.column("subject", sa.String),
        sa.column("details", sa.JSON),
        sa.column("position", sa.Integer),
        sa.column("hash", sa.String),
    )
    last_id, position, previous = -1, 0, GENESIS
    with Session(connection) as session:
        while rows := session.execute(
            sa.select(audit).where(audit.c.id > last_id).order_by(audit.c.id).limit(_AT_ONCE)
        ).all():
            links = []
            for row in rows:
                position, last_id = position + 1, row.id
                previous = digest(previous, row, position)
                links.append({"row": row.id, "place": position, "its": previous})
            link = sa.update(audit).where(audit.c.id == sa.bindparam("row"))
            connection.execute(
                link.values(position=sa.bindparam("place"), hash=sa.bindparam("its")), links
            )
        head = sa.table("audit_head", sa.column("id"), sa.column("position"), sa.column("hash"))
        connection.execute(sa.insert(head).values(id=1, position=position, hash=previous))


def downgrade() -> None:
    op.drop_table("flag_usage")
    op.drop_table("change_approvals")
    op.drop_table("change_requests")
    with op.batch_alter_table("flags", schema=None) as batch_op:
        batch_op.drop_column("links")
        batch_op.drop_column("owner")
        batch_op.drop_column("tags")
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("required_approvers")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_audit_position"), type_="unique")
        batch_op.drop_column("hash")
        batch_op.drop_column("position")
    op.drop_table("audit_head")
