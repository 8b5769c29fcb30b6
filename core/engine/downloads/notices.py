"""Sentences that a person ought to read, each for as long as it is so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator


class Notices:
    """What stands at present, in the order in which it came; `changed` is called on a change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._sentences: list[str] = []
        self._asked: set[str] = set()
        self._question = ""

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)

    def extend(self, sentences: Iterable[str]) -> None:
        """Let sentences stand that came before anybody watched."""
        self._sentences += sentences

    def put(self, sentence: str) -> None:
        """Let a sentence stand until it is taken back."""
        if sentence not in self._sentences:
            self._sentences.append(sentence)
            self._changed()

    def take_back(self, sentence: str) -> None:
        """Let a sentence stand no longer, if it does."""
        if sentence in self._sentences:
            self._sentences.remove(sentence)
            self._changed()

    def ask(self, ids: Collection[str], question: str) -> None:
        """Let a question stand until each of these downloads is `answered`."""
        self._asked, self._question = set(ids), question
        if ids:
            self.put(question)

    def answered(self, download_id: str) -> None:
        """Take note that one of those that were asked about waits for no word any more."""
        if download_id in self._asked:
            self._asked.discard(download_id)
            if not self._asked:
                self.take_back(self._question)
