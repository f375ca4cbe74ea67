"""The archive: prompts and answers that a policy keeps."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003_pre"
down_revision: Final = "0002_pre"


def upgrade() -> None:
    """Make the table. What was said stands in `sealed`, encrypted; the rest is for lists."""
    postgres = op.get_bind().dialect.name == "postgresql"
    bytewise = sa.Text(collation="C") if postgres else sa.Text()
    op.create_table(
        "archive",
        sa.Column("id", bytewise, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        *(sa.Column(name, bytewise) for name in ("consumer", "team", "route", "model")),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("answer_bytes", sa.BigInteger(), nullable=False),
        sa.Column("redacted", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
    )
    op.create_index("archive_at", "archive", ["at_us", "id"])
    op.create_index("archive_consumer", "archive", ["consumer", "at_us"])
    op.create_index("archive_until", "archive", ["until_us"])
