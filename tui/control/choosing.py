"""Which downloads a command is for: named by ids, by exact names, by a collection, or by a filter.

A word that is no id and no filter has to be the whole name of one download: it is never looked for
in names, because what follows may be deleted. For the same reason each term of a filter has its
key here (`name:iso`), unlike in `winch ls`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from core.domain.collections import Verdict, verdict_of
from core.domain.errors import AmbiguousIdError, UnknownIdError, UsageError
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import Download, Status
from tui.model.filters import Filter, FilterError, parse, quote

_ID = re.compile(r"[0-9a-f]{1,64}")
_ACTIONS = {
    "pause": Action.PAUSE,
    "resume": Action.RESUME,
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
}
_USUAL = {"resume": Status.PAUSED, "retry": Status.FAILED, "verify": Status.COMPLETED}
"""The state that a command is meant for, unless the filter names one."""


@dataclass(frozen=True, slots=True)
class NamedDownloads:
    """What was named: ids or how they begin, exact names, and a filter, None for none.

    What a filter admits comes on top of the others. `collections` are names of collections that
    nothing else was found to have.
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    filter: Filter | None = None
    collections: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether there are but ids, which the service knows without a look at the list."""
        return not self.names and self.filter is None and not self.collections

    def members(self, downloads: Iterable[Download], verb: str) -> list[str]:
        """Return the ids of the members of the named collections that admit the verb."""
        named = frozenset(self.collections)
        return [
            download.id
            for download in downloads
            if download.request.group in named and _suits(verb, download)
        ]

    def ids_among(
        self, downloads: Sequence[Download], matching: Callable[[Filter], Iterable[str]], verb: str
    ) -> list[str]:
        """Return the ids of what is meant, those of a filter only where they admit the verb.

        `matching` says what a filter admits. Raises UnknownIdError, AmbiguousIdError.
        """
        ids = [*self.ids, *_named(self.names, downloads)]
        if self.filter is not None:
            matched = set(matching(self.filter))
            names_a_state = "status" in self.filter.keys
            ids += [
                download.id
                for download in downloads
                if download.id in matched and _admits(verb, download.status, names_a_state)
            ]
        return list(dict.fromkeys(ids))


def choose(
    words: Sequence[str],
    collections: Container[str] = (),
    downloads: Iterable[Download] = (),
) -> NamedDownloads:
    """Return what the words of a command name; raises UsageError where that cannot be meant.

    `collections` are the names of those that there are. Where a word is one of these, `downloads`
    are looked through: a whole id goes before it, and where a download has the same name
    AmbiguousIdError is raised. A filter that is `collection:NAME` and no more is for it as a
    whole, whatever else has that name.
    """
    ids, names, terms, named, filters = [], [], [], [], []
    for word in words:
        if word in collections and _is_free(word, downloads):
            named.append(word)
        elif _ID.fullmatch(word):
            ids.append(word)
        elif ":" in word or word.startswith("!"):
            terms.append(_term(word))
            filters.append(word)
        elif word.strip():
            names.append(word)
        else:
            raise UsageError("an empty word names no download", hint="`--all` names every one")
    if len(filters) == 1 and (whole := whole_collection(filters[0])) in collections:
        named.append(whole)
        terms.clear()
    wanted = _keyed(" ".join(terms)) if terms else None
    return NamedDownloads(tuple(ids), tuple(names), wanted, tuple(dict.fromkeys(named)))


def may_be_collection(word: str) -> bool:
    """Tell whether a word of a command can be the name of a collection: it is no filter."""
    return bool(word.strip()) and ":" not in word and not word.startswith("!")


def whole_collection(word: str) -> str:
    """Return the name in `collection:NAME`, quoted or not; empty for any other word."""
    key, _, value = word.partition(":")
    if key.lower() != "collection":
        return ""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["\\])', r"\1", value[1:-1])
    return value


def check_named(args: argparse.Namespace) -> None:
    """Raise UsageError unless downloads or `--all` are named, and not both; and for no filter."""
    if bool(args.ids) == args.all:
        what = "both downloads and --all" if args.ids else "no downloads"
        raise UsageError(f"{what} were named", hint="name ids or a filter, or --all")
    choose(args.ids)


def _term(word: str) -> str:
    """Return a word of the shell as it is in a filter: it has lost the quotes around its value."""
    key, _, value = word.partition(":")
    try:
        if not re.search(r"\s", word) or "" not in parse(word).keys:
            return word
    except FilterError:
        pass
    return f"{key}:{quote(value)}"


def _keyed(text: str) -> Filter:
    wanted = parse(text)
    if wanted.is_empty or "" in wanted.keys:
        raise UsageError(
            f"'{text}' has a word without a key, which could match more than is meant",
            hint="write what is tested, such as name:iso, status:done or age:>30d",
        )
    return wanted


def _named(names: Iterable[str], downloads: Iterable[Download]) -> list[str]:
    """Return the id of each name, in one pass: both may be very many."""
    found: dict[str, list[str]] = {name: [] for name in names}
    if found:
        for download in downloads:
            if (ids := found.get(download.name)) is not None:
                ids.append(download.id)
    return [_the_one(name, ids) for name, ids in found.items()]


def _the_one(name: str, ids: Sequence[str]) -> str:
    if not ids:
        raise UnknownIdError(
            f"no download has the id or the whole name '{name}'",
            hint=f"see `winch ls`; a part of a name is looked for by name:{quote(name)}",
        )
    if len(ids) > 1:
        raise AmbiguousIdError(
            f"{len(ids)} downloads have the name '{name}'",
            hint=f"name their ids, or all of them by name:{quote(name)}",
        )
    return ids[0]


def _is_free(name: str, downloads: Iterable[Download]) -> bool:
    """Tell whether the name of a collection is no download's whole id.

    It goes before an id that only begins so: with very many downloads there is one for every short
    name, and a script must not fail by chance. Raises AmbiguousIdError where it is the name of a
    file that is no member, too.
    """
    is_taken = False
    for download in downloads:
        if download.id == name:
            return False
        is_taken |= download.name == name and download.request.group != name
    if is_taken:
        raise AmbiguousIdError(
            f"there is a collection '{name}', and a download has the same name",
            hint=f"write collection:{quote(name)}, or the id of the download",
        )
    return True


def _suits(verb: str, download: Download) -> bool:
    """Tell whether a verb that is for a whole collection is for one of its members."""
    if verb == "retry":
        return verdict_of(download) in (Verdict.BAD, Verdict.MISSING)
    return _admits(verb, download.status, names_a_state=False)


def _admits(verb: str, status: Status, names_a_state: bool) -> bool:
    """Tell whether a verb is for what a filter admits, as it is for `--all`."""
    usual = _USUAL.get(verb)
    if usual is not None and not names_a_state:
        return status is usual
    action = _ACTIONS.get(verb)
    return action is None or action in allowed_actions(status)
