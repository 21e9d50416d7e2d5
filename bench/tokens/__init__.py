"""Token counts measured: which counting crate is taken and why, and how wrong our counts are.

`python -m bench.tokens speed` times the candidate crates on a generated corpus, `python -m bench.tokens
errors` compares our exact and sampled counts with OpenAI's own tokenizer, language by language.
"""
