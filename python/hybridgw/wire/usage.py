"""What an answer cost in tokens, and the only place that converts between ways of counting.

OpenAI, Ollama and Gemini count the whole prompt as input, what was read from a cache included;
Messages counts what was read from a cache or written to one beside it. Gemini counts thoughts
beside the answer, all others inside it. Mixing these up is the commonest way in which a gateway
bills wrongly, so nobody else adds or subtracts them.
"""

from typing import Any

import msgspec


class _Details(msgspec.Struct):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    reasoning_tokens: int | None = 0


class ChatUsage(msgspec.Struct):
    """`usage` of Chat Completions."""

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class ResponsesUsage(msgspec.Struct):
    """`usage` of Responses."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class MessagesUsage(msgspec.Struct):
    """`usage` of Messages. None is what an event does not tell."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: dict[str, Any] | None = None


class GeminiUsage(msgspec.Struct, rename="camel"):
    """`usageMetadata`."""

    prompt_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    cached_content_token_count: int = 0


class Usage(msgspec.Struct):
    """Tokens as OpenAI counts them: `prompt` includes `cached` and `cache_write`, `completion`
    includes `reasoning`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @classmethod
    def from_chat(cls, usage: ChatUsage) -> "Usage":
        """Chat Completions count as we do."""
        asked = usage.prompt_tokens_details or _Details()
        told = usage.completion_tokens_details or _Details()
        return cls(
            usage.prompt_tokens or 0,
            usage.completion_tokens or 0,
            asked.cached_tokens or 0,
            asked.cache_write_tokens or 0,
            told.reasoning_tokens or 0,
        )

    @classmethod
    def from_responses(cls, usage: ResponsesUsage) -> "Usage":
        """Responses count as Chat does, under other names."""
        return cls.from_chat(
            ChatUsage(
                usage.input_tokens,
                usage.output_tokens,
                usage.input_tokens_details,
                usage.output_tokens_details,
            )
        )

    @classmethod
    def from_messages(cls, usage: MessagesUsage) -> "Usage":
        """Messages count the cache beside the input."""
        cached = usage.cache_read_input_tokens or 0
        written = usage.cache_creation_input_tokens or 0
        thinking = (usage.output_tokens_details or {}).get("thinking_tokens") or 0
        return cls(
            (usage.input_tokens or 0) + cached + written, usage.output_tokens or 0, cached, written, thinking
        )

    @classmethod
    def from_gemini(cls, usage: GeminiUsage) -> "Usage":
        """Gemini counts thoughts beside the answer, and results of its own tools beside the prompt."""
        return cls(
            usage.prompt_token_count + usage.tool_use_prompt_token_count,
            usage.candidates_token_count + usage.thoughts_token_count,
            usage.cached_content_token_count,
            0,
            usage.thoughts_token_count,
        )

    def chat(self) -> dict[str, Any]:
        """`usage` of Chat Completions."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.cache_write},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }

    def responses(self) -> dict[str, Any]:
        """`usage` of Responses. Codex refuses an answer whose details lack their integers."""
        return {
            "input_tokens": self.prompt,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.cache_write},
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
        }

    def messages(self) -> dict[str, Any]:
        """`usage` of Messages."""
        return {
            "input_tokens": max(0, self.prompt - self.cached - self.cache_write),
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.completion,
            "output_tokens_details": {"thinking_tokens": self.reasoning},
        }
