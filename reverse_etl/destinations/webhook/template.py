"""Bodies that a user writes as a Jinja template: checked when the connection is read, confined when it is rendered.

A template sees the row and nothing else. It reads entries of the row by name; it reaches no attribute and no method of
any Python object, calls nothing, and has the few filters that spell values. Its author is whoever writes
``connections.yml``; the values in it are anybody's, so they are encoded for the body's type without the author's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reverse_etl.wire import encode, parse

ONE = frozenset({"op", "key", "row", "changed"})  #: what the template of one row sees
MANY = frozenset({"rows"})  #: what the template of a batch sees: a list of the above
_FILTERS = (
    "abs", "capitalize", "default", "first", "float", "int", "join", "last", "length", "lower", "replace", "reverse",
    "round", "sort", "string", "title", "trim", "truncate", "unique", "upper",
)  # fmt: skip
_LOOP = frozenset({"first", "last", "index", "index0", "length"})


class Written(str):
    """Text that is encoded already."""


class TemplateRefused(ValueError):
    """A template cannot be used; the message is about the template and never about a value."""


class _Confined(ImmutableSandboxedEnvironment):
    """Reads entries of rows by name, and nothing of any object."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an entry of a row, or where a loop is."""
        return self._entry(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an entry of a row or of a list."""
        if isinstance(obj, list | tuple) and isinstance(argument, int | slice):
            return super().getitem(obj, argument)
        return self._entry(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse every attribute that a filter might read."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """Refuse every call."""
        return False

    def _entry(self, obj: Any, name: Any) -> Any:
        if isinstance(obj, Mapping) and name in obj:
            return obj[name]
        if isinstance(obj, LoopContext) and name in _LOOP:
            return getattr(obj, name)
        return self.undefined(name=str(name))


class Body:
    """A template of a body.

    Args:
        source: The template.
        content_type: What the body is, which decides how values are encoded.

    Raises:
        TemplateRefused: It is not a template, or uses what there is not.
    """

    def __init__(self, source: str, content_type: str) -> None:
        self._is_json = is_json(content_type)
        environment = _environment(_encoder(content_type))
        try:
            tree = environment.parse(source)
            self._template: Template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateRefused(f"line {error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise TemplateRefused(str(error)) from None
        unknown = sorted(meta.find_undeclared_variables(tree) - ONE - MANY)
        if unknown:
            raise TemplateRefused(f"{', '.join(unknown)}: a template knows op, key, row and changed, or rows of those")
        self._used = meta.find_undeclared_variables(tree)
        self._columns = set(_columns(tree))

    def check(self, seen: Collection[str], fields: Collection[str]) -> None:
        """Look whether the template goes with an object and a feed.

        Args:
            seen: What the object's template sees, :data:`ONE` or :data:`MANY`.
            fields: The feed's columns; none where they are not known.

        Raises:
            TemplateRefused: It uses something else, or writes what is not JSON where it should be.
        """
        foreign = sorted(self._used - set(seen))
        if foreign:
            raise TemplateRefused(f"it uses {', '.join(foreign)}, and this object gives it {', '.join(sorted(seen))}")
        if not fields:
            return
        missing = sorted(self._columns - set(fields))
        if missing:
            raise TemplateRefused(f"it uses {', '.join(f'row.{name}' for name in missing)}, which the feed has not")
        row: dict[str, Any] = {"op": "add", "key": "sample", "row": dict.fromkeys(fields, "sample"), "changed": []}
        sample = row if seen is ONE else {"rows": [row, row]}
        try:
            text = self._template.render(**sample)
        except Exception:  # a sample is no number; only real values can tell
            return
        if self._is_json and not _parses(text):
            raise TemplateRefused("it does not write JSON: values bring their own quotes, so write {{ row.x }} bare")

    def render(self, **values: Any) -> bytes:
        """Return the body.

        Raises:
            TemplateRefused: The values do not go with the template.
        """
        try:
            text = self._template.render(**values)
        except Exception as error:  # whatever a filter makes of a value; its words may quote it
            raise TemplateRefused(f"the template cannot be filled in ({type(error).__name__})") from None
        if self._is_json and not _parses(text):
            raise TemplateRefused("what the template writes of this is not JSON")
        return text.encode()


def is_json(content_type: str) -> bool:
    """Return whether a type is JSON or a kind of it."""
    kind = content_type.split(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _environment(encode_value: Callable[[Any], str]) -> _Confined:
    def finalize(value: Any) -> Any:
        if isinstance(value, Undefined):
            return str(value)  # raises: it says which name there is not
        return value if isinstance(value, Written) else encode_value(value)

    environment = _Confined(undefined=StrictUndefined, finalize=finalize, autoescape=False)
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.filters["tojson"] = lambda value: Written(encode(value).decode())
    return environment


def _encoder(content_type: str) -> Callable[[Any], str]:
    kind = content_type.split(";")[0].strip().lower()
    if is_json(content_type):
        return lambda value: encode(value).decode()
    if kind == "application/x-www-form-urlencoded":
        return lambda value: quote_plus(_text(value))
    if kind in ("application/xml", "text/xml", "text/html") or kind.endswith("+xml"):
        return lambda value: escape(_text(value), {'"': "&quot;", "'": "&#39;"})
    return _text


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _parses(text: str) -> bool:
    return bool(text.strip()) and parse(text.encode())[0]


def _columns(tree: nodes.Template) -> Iterator[str]:
    """Yield the columns that a template names as ``row.x``, ``row["x"]``, or ``one.row.x`` in a loop."""
    for named in tree.find_all(nodes.Getattr):
        if _is_row(named.node):
            yield named.attr
    for entry in tree.find_all(nodes.Getitem):
        if _is_row(entry.node) and isinstance(entry.arg, nodes.Const) and isinstance(entry.arg.value, str):
            yield entry.arg.value


def _is_row(node: nodes.Node) -> bool:
    named = isinstance(node, nodes.Name) and node.name == "row"
    return named or (isinstance(node, nodes.Getattr) and node.attr == "row")
