"""Content parts of Responses items: text, images, files, recordings.

What a part means is settled here and nowhere else in this dialect: a data URL becomes its media type
and its base64, an address must be http(s), and a part that no backend could be told of is refused by
its place. Nothing is fetched, nothing is decoded from base64, and no part is ever left out.

Chat's names for the same parts (`text`, an `image_url` that is an object) are understood as well:
clients that post Responses bodies to the chat route mix the two.
"""

import msgspec

from hybridgw.dialects.reading import needed
from hybridgw.errors import RequestError
from hybridgw.wire import Audio, File, Image, Text


class Url(msgspec.Struct):
    """Chat's way to name an image."""

    url: str
    detail: str | None = None


class Recording(msgspec.Struct):
    """`input_audio`."""

    data: str
    format: str


class Piece(msgspec.Struct):
    """Any content part, read as far as it is understood."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: str | Url | None = None
    detail: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    input_audio: Recording | None = None


Content = str | list[Piece] | None
_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


def texts_of(pieces: list[Piece] | None) -> str:
    """The text of a thought, whose paragraphs come as parts."""
    return "\n\n".join(piece.text for piece in pieces or () if piece.text)


def spoken(content: Content, field: str) -> list[Text]:
    """What an assistant said: text, and refusals as the text that they are."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    parts = []
    for index, piece in enumerate(content):
        if piece.type == "refusal":
            parts.append(Text(needed(piece.refusal, f"{field}[{index}].refusal", empty=True)))
        elif piece.type in _TEXTS:
            parts.append(Text(needed(piece.text, f"{field}[{index}].text", empty=True)))
        else:
            raise _unknown(piece, f"{field}[{index}]")
    return parts


def heard(content: Content, field: str) -> list[Text | Image | Audio | File]:
    """What somebody other than the assistant said, or what a tool answered."""
    if content is None:
        raise RequestError("missing_field", f"`{field}` is required", field=field)
    if isinstance(content, str):
        return [Text(content)]
    if not content:
        raise RequestError("invalid_value", f"`{field}` holds no part", field=field)
    return [_part(piece, f"{field}[{index}]") for index, piece in enumerate(content)]


def _part(piece: Piece, field: str) -> Text | Image | Audio | File:
    if piece.type in _TEXTS:
        return Text(needed(piece.text, f"{field}.text", empty=True))
    if piece.type in ("input_image", "image_url"):
        return _image(piece, field)
    if piece.type in ("input_file", "file"):
        return _file(piece, field)
    if piece.type == "input_audio" and piece.input_audio is not None:
        return Audio(piece.input_audio.data, piece.input_audio.format)
    raise _unknown(piece, field)


def _image(piece: Piece, field: str) -> Image:
    url, detail = piece.image_url, piece.detail
    if isinstance(url, Url):
        detail, url = url.detail or detail, url.url
    if url is None:
        if piece.file_id is not None:
            raise RequestError(
                "unsupported_content",
                "an image by its file id can only be read by the provider that holds the file",
                field=f"{field}.file_id",
            )
        raise RequestError("missing_field", f"`{field}.image_url` is required", field=f"{field}.image_url")
    if url[:5].lower() == "data:":
        media_type, data = _data_url(url, f"{field}.image_url")
        return Image(media_type, data, detail=detail)
    return Image(url=_web(url, f"{field}.image_url"), detail=detail)


def _file(piece: Piece, field: str) -> File:
    if piece.file_data is not None:
        if piece.file_data[:5].lower() != "data:":
            return File(filename=piece.filename, data=piece.file_data)
        media_type, data = _data_url(piece.file_data, f"{field}.file_data")
        return File(media_type, piece.filename, data)
    if piece.file_url is not None:
        return File(filename=piece.filename, url=_web(piece.file_url, f"{field}.file_url"))
    if piece.file_id is not None:
        return File(filename=piece.filename, file_id=piece.file_id)
    raise RequestError(
        "missing_field", f"`{field}` needs file_data, file_url or file_id", field=f"{field}.file_data"
    )


def _data_url(url: str, field: str) -> tuple[str | None, str]:
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in (word.strip().lower() for word in parameters):
        raise RequestError("invalid_value", f"`{field}` is no base64 data URL", field=field)
    return media_type.strip().lower() or None, data


def _web(url: str, field: str) -> str:
    """An address on the web. A path, or any other scheme, would make an engine open a file."""
    if url[:8].lower() != "https://" and url[:7].lower() != "http://":
        raise RequestError("invalid_value", f"`{field}` must be an http(s) or a data URL", field=field)
    return url


def _unknown(piece: Piece, field: str) -> RequestError:
    if not piece.type:
        return RequestError("missing_field", f"`{field}.type` is required", field=f"{field}.type")
    return RequestError("unsupported_content", f"`{field}` is of a kind that is not known here", field=field)
