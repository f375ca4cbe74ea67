"""Messages of Anthropic (`POST /v1/messages`): see `messages` for what is said how."""

from sluicegate.llm.dialects.anthropic_messages.messages import DIALECT

__all__ = ["DIALECT"]
