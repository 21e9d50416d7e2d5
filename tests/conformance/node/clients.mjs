// Answers each line of standard input, a request as JSON, with one line: what the official client made
// of the gateway's answer, or how it raised. One process for all cases, because a start takes longer
// than a case.

import { createInterface } from "node:readline";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const openai = (at) => new OpenAI({ baseURL: at.url + "/v1", apiKey: at.key, maxRetries: 0, timeout: 10000 });
const anthropic = (at) => new Anthropic({ baseURL: at.url, apiKey: at.key, maxRetries: 0, timeout: 10000 });

const operations = {
  chat: (at) => openai(at).chat.completions.create(at.body),

  // The chunks as they came, and how long the client took after the last one.
  async chatStream(at) {
    const chunks = [];
    let last = performance.now();
    for await (const chunk of await openai(at).chat.completions.create({ ...at.body, stream: true })) {
      chunks.push(chunk);
      last = performance.now();
    }
    return { chunks, after: performance.now() - last };
  },

  chatHelper: (at) => openai(at).chat.completions.stream(at.body).finalChatCompletion(),
  embeddings: (at) => openai(at).embeddings.create(at.body),

  async models(at) {
    const ids = [];
    for await (const model of openai(at).models.list()) ids.push(model.id);
    return ids;
  },

  responses: (at) => openai(at).responses.create(at.body),

  async responsesStream(at) {
    const events = [];
    for await (const event of await openai(at).responses.create({ ...at.body, stream: true })) events.push(event);
    return events;
  },

  messages: (at) => anthropic(at).messages.create(at.body),
  messagesHelper: (at) => anthropic(at).messages.stream(at.body).finalMessage(),

  async anthropicModels(at) {
    const ids = [];
    for await (const model of anthropic(at).models.list()) ids.push(model.id);
    return ids;
  },
};

const told = (error) => ({
  raised: {
    name: error.constructor.name,
    message: error.message,
    status: error.status ?? null,
    code: error.code ?? null,
  },
});

for await (const line of createInterface({ input: process.stdin })) {
  const at = JSON.parse(line);
  let answer;
  try {
    answer = await operations[at.operation](at);
  } catch (error) {
    answer = told(error);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
