"""Serving, whole: segments, layers, holdouts, sticky assignments and their unit sets"""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "layers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seed", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_layers_environment_id_environments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layers")),
        sa.UniqueConstraint("environment_id", "key", name=op.f("uq_layers_environment_id_key")),
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("included", sa.JSON(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("included_count", sa.Integer(), nullable=False),
        sa.Column("excluded_count", sa.Integer(), nullable=False),
        sa.Column("refers", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_segments_environment_id_environments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("environment_id", "key", name=op.f("uq_segments_environment_id_key")),
    )
    op.create_table(
        "unit_sets",
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_unit_sets_environment_id_environments")
        ),
        sa.PrimaryKeyConstraint("environment_id", "digest", name=op.f("pk_unit_sets")),
    )
    with op.batch_alter_table("unit_sets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_sets_made_at"), ["made_at"], unique=False)

    op.create_table(
        "assignment_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flag_state_id", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=256), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("after", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flag_state_id"],
            ["flag_states.id"],
            name=op.f("fk_assignment_changes_flag_state_id_flag_states"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_changes")),
    )
    with op.batch_alter_table("assignment_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_assignment_changes_flag_state_id"), ["flag_state_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_assignment_changes_unit"), ["unit"], unique=False)

    op.create_table(
        "assignments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flag_state_id", sa.Integer(), nullable=False),
        sa.Column("unit_type", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=256), nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("unit_hash", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["flag_state_id"], ["flag_states.id"], name=op.f("fk_assignments_flag_state_id_flag_states")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("flag_state_id", "unit", name=op.f("uq_assignments_flag_state_id_unit")),
    )
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_assignments_state_rule_bucket", ["flag_state_id", "rule", "bucket"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_assignments_unit"), ["unit"], unique=False)

    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("holdout", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("flag_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("overrides", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("requires", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("switches", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("epoch", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("kept", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("refers", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("flags", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("unit_type", sa.String(length=64), server_default="user", nullable=False)
        )
        batch_op.add_column(
            sa.Column("scheme", sa.String(length=32), server_default="pointsman", nullable=False)
        )
        batch_op.add_column(sa.Column("sticky", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("schema", sa.JSON(), nullable=True))

    with op.batch_alter_table("revisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subject", sa.String(length=100), server_default="", nullable=False))
        batch_op.alter_column("flag_id", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:

    op.execute("DELETE FROM revisions WHERE flag_id IS NULL")
    with op.batch_alter_table("revisions", schema=None) as batch_op:
        batch_op.alter_column("flag_id", existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column("subject")
    with op.batch_alter_table("flags", schema=None) as batch_op:
        for column in ("schema", "sticky", "scheme", "unit_type"):
            batch_op.drop_column(column)
    with op.batch_alter_table("flag_states", schema=None) as batch_op:
        for column in ("refers", "kept", "epoch", "switches", "requires", "overrides"):
            batch_op.drop_column(column)
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("holdout")
    for table in ("assignments", "assignment_changes", "unit_sets", "segments", "layers"):
        op.drop_table(table)
