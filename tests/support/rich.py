"""A request of every dialect in which each member that is read stands once.

Some of them together are too much for any backend; they are seeds for tests that change one place.
"""

from typing import Any

from hybridgw.core import Route

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
EPHEMERAL = {"type": "ephemeral"}

CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be brief", "name": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi", "cache_control": EPHEMERAL},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": "calling",
            "reasoning_content": "hm",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}],
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "text"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "one"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "three"},
        {"role": "user", "content": "go on"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
        },
        {
            "type": "custom",
            "custom": {
                "name": "g",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}},
            },
        },
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "max_tokens": 9,
    "max_completion_tokens": 9,
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "n": 1,
    "temperature": 0.5,
    "top_p": 1,
    "seed": 7,
    "presence_penalty": 0,
    "logprobs": True,
    "top_logprobs": 2,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": SCHEMA, "strict": True},
    },
    "reasoning_effort": "low",
    "reasoning": {"effort": "low", "max_tokens": 100, "exclude": False, "enabled": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "verbosity": "low",
    "user": "u",
    "service_tier": "auto",
    "logit_bias": {"1": 1},
    "metadata": {"a": "b"},
    "unheard_of": {"a": [1]},
}
COMPLETIONS: dict[str, Any] = {
    "prompt": ["hi"],
    "max_tokens": 9,
    "stop": ["x"],
    "n": 1,
    "logprobs": 1,
    "echo": False,
    "best_of": 1,
    "suffix": "",
    "temperature": 0.5,
    "user": "u",
    "stream_options": {"include_usage": True},
    "unheard_of": 1,
}
RESPONSES: dict[str, Any] = {
    "instructions": "be brief",
    "input": [
        {"type": "message", "role": "developer", "content": "and kind"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hi"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
                {
                    "type": "input_file",
                    "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBERi0=",
                },
            ],
        },
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "hybridgw1.e30=",
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "text"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "one"}]},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "two"},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "so"}, {"type": "refusal", "refusal": "n"}],
        },
        {"type": "web_search_call", "id": "w"},
        {"role": "user", "content": "go on"},
    ],
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
        {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "parallel_tool_calls": True,
    "max_output_tokens": 9,
    "temperature": 0.5,
    "top_p": 1,
    "include": ["message.output_text.logprobs"],
    "top_logprobs": 1,
    "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "user": "u",
    "service_tier": "auto",
    "store": False,
    "metadata": {"a": "b"},
    "truncation": "disabled",
    "background": False,
    "unheard_of": 1,
}
MESSAGES: dict[str, Any] = {
    "max_tokens": 9,
    "system": [{"type": "text", "text": "be brief", "cache_control": EPHEMERAL}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {
                    "type": "document",
                    "title": "t",
                    "context": "c",
                    "source": {"type": "text", "media_type": "text/plain", "data": "text"},
                },
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "inside"}]},
                },
                {
                    "type": "search_result",
                    "title": "t",
                    "source": "s",
                    "content": [{"type": "text", "text": "x"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "text", "text": "calling"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}, "cache_control": EPHEMERAL},
                {"type": "server_tool_use", "id": "w", "name": "web_search", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "one"}],
                },
                {"type": "text", "text": "go on"},
            ],
        },
        {"role": "system", "content": "in between"},
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "cache_control": EPHEMERAL},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["x"],
    "temperature": 0.5,
    "top_p": 1,
    "top_k": 5,
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
    "unheard_of": 1,
}
_OPTIONS = {"temperature": 0.5, "num_predict": 9, "num_ctx": 100, "stop": ["x"], "seed": 7, "min_p": 0.1}
OLLAMA_CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi", "images": [PNG]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "tool_name": "f", "tool_call_id": "c1", "content": "one"},
        {"role": "user", "content": "go on"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "format": SCHEMA,
    "options": _OPTIONS,
    "think": "low",
    "logprobs": True,
    "top_logprobs": 1,
    "keep_alive": "5m",
    "unheard_of": 1,
}
OLLAMA_GENERATE: dict[str, Any] = {
    "prompt": "hi",
    "system": "be brief",
    "images": [PNG],
    "format": "json",
    "options": _OPTIONS,
    "think": True,
    "raw": False,
    "suffix": "",
    "template": "",
    "context": [],
    "keep_alive": 0,
    "unheard_of": 1,
}

BODIES: dict[Route, dict[str, Any]] = {
    Route.CHAT: CHAT,
    Route.COMPLETIONS: COMPLETIONS,
    Route.RESPONSES: RESPONSES,
    Route.MESSAGES: MESSAGES,
    Route.OLLAMA_CHAT: OLLAMA_CHAT,
    Route.OLLAMA_GENERATE: OLLAMA_GENERATE,
}
"""Without the model, and without `stream`."""
