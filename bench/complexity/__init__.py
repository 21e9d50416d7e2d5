"""How well scores of difficulty order real prompts, beside everything they must be compared with.

`python -m bench.complexity OUTCOMES.jsonl.gz` reads outcomes that nobody here produced (per prompt:
was the weak model right, was the strong one), trains and judges on separate prompts, and writes JSON,
a page and a picture. The data stays outside of the repository.

What is held to: every baseline beside every figure (random, length only, the better single model, an
oracle); a random split and subjects that were never seen, the worse one in the first line; weights
never judged on prompts that they were fitted on; repeated prompts removed; errors by bootstrap, over
subjects where subjects were held out; the time of a score counted.

What is not held to: the method itself (the label, the free weight of length, the penalty) was settled
on cross-validated figures of the MMLU outcomes of RouteLLM, so figures on those are a little flattering.
The weights of the heuristic were not.
"""
