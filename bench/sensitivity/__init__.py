"""How well the scanner finds what it must find, and how seldom anything else.

`generate` makes texts whose sensitive parts are known, from a seed; `evaluate` compares what the
scanner says with what is known, on those, on files of other people with labelled spans, and on
documents that hold nothing sensitive. `files` does so for what programs write, and `alarms` counts on
`corpora` of everyday work how often it speaks up for nothing. Nothing here reads a request or keeps a
finding's text.
"""
